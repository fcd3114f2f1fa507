/* What the files of this room share. Not a face. */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

enum { STORE_STATEMENTS_MAX = 96 };

struct store_query {
    struct store *store;
    sqlite3_stmt *stmt;
    const char *sql; /* the caller's literal; its address is the key */
    int error;       /* first binding error, an SQLite code */
    bool is_used;
    bool is_kept; /* lives in store->kept; otherwise made for one use */
};

struct store {
    sqlite3 *db;
    char *path;
    int weight; /* enum store_weight that the connection is set to, -1 = unknown */
    size_t kept_count;
    struct store_query kept[STORE_STATEMENTS_MAX];
};

/* The sentence for an SQLite result code. doing is a phrase like "write to". Returns the fault. */
must_use int store_failed(const struct store *s, int code, const char *doing, struct fault *reterr);
/* Runs text without rows. */
must_use int store_exec(struct store *s, const char *sql, const char *doing, struct fault *reterr);
void store_forget_statements(struct store *s);
