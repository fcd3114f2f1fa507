/* The schema of the store, step by step. A step that was released is never edited; a change is a new
 * step at the end. Money is integer pico-dollars, time integer nanoseconds UTC. */
#include "host/state_private.h"

const struct store_step state_steps[] = {
    {"CREATE TABLE session ("
     " id TEXT PRIMARY KEY, status TEXT NOT NULL, started_ns BIGINT NOT NULL, ended_ns BIGINT NOT NULL,"
     " cost_pico BIGINT NOT NULL, budget_pico BIGINT NOT NULL, calls BIGINT NOT NULL,"
     " turns BIGINT NOT NULL, work_dir TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,"
     " first_seq BIGINT NOT NULL);"
     "CREATE INDEX session_started ON session (started_ns);"
     "CREATE INDEX session_running ON session (id) WHERE status = 'running';"
     /* No index by session: a second page for each row would be a third of the cost of a light row.
      * A session is found by session.first_seq and a scan from there. */
     "CREATE TABLE journal ("
     " seq INTEGER PRIMARY KEY, time_ns BIGINT NOT NULL, session TEXT, call TEXT, kind TEXT NOT NULL,"
     " body TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL);"
     "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN"
     " SELECT RAISE(ABORT, 'journal rows are never changed'); END;"
     "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN"
     " SELECT RAISE(ABORT, 'journal rows are never removed'); END;"
     "CREATE TABLE head ("
     " one INTEGER PRIMARY KEY CHECK (one = 1), seq BIGINT NOT NULL, hash TEXT NOT NULL,"
     " receipts BIGINT NOT NULL, receipt_hash TEXT NOT NULL, mac TEXT NOT NULL);"
     "CREATE TABLE ledger ("
     " session TEXT PRIMARY KEY, budget BIGINT NOT NULL, spent BIGINT NOT NULL,"
     " reserved BIGINT NOT NULL);"
     "CREATE TABLE reservation ("
     " id INTEGER PRIMARY KEY, session TEXT NOT NULL REFERENCES ledger (session) ON DELETE CASCADE,"
     " turn BIGINT NOT NULL, pico BIGINT NOT NULL, used BIGINT);" /* used is null while it is open */
     "CREATE INDEX reservation_session ON reservation (session);"
     "CREATE UNIQUE INDEX reservation_open ON reservation (session, turn) WHERE used IS NULL;"},
    /* Money as a tree: a session has its own account (agent '') and one for each agent below it. given
     * is what is with the children: always the sum of their budgets. A reservation remembers the day and
     * the month (UTC) it was made in, 0 = before there were such; period has their sums, and keeps in
     * forgotten what was spent by sessions that were deleted. */
    {"CREATE TABLE account ("
     " session TEXT NOT NULL, agent TEXT NOT NULL, parent TEXT, depth BIGINT NOT NULL,"
     " budget BIGINT NOT NULL, spent BIGINT NOT NULL, reserved BIGINT NOT NULL, given BIGINT NOT NULL,"
     " ceiling BIGINT NOT NULL, is_pool BIGINT NOT NULL, is_closed BIGINT NOT NULL,"
     " warned BIGINT NOT NULL, PRIMARY KEY (session, agent));"
     "INSERT INTO account SELECT session, '', NULL, 0, budget, spent, reserved, 0, 0, 0, 0, 0 FROM ledger;"
     "CREATE TABLE charge ("
     " id INTEGER PRIMARY KEY, session TEXT NOT NULL, agent TEXT NOT NULL, turn BIGINT NOT NULL,"
     " day BIGINT NOT NULL, month BIGINT NOT NULL, pico BIGINT NOT NULL, used BIGINT);"
     "INSERT INTO charge SELECT id, session, '', turn, 0, 0, pico, used FROM reservation;"
     "DROP TABLE reservation;"
     "DROP TABLE ledger;"
     "ALTER TABLE charge RENAME TO reservation;"
     "CREATE INDEX reservation_session ON reservation (session, agent);"
     "CREATE UNIQUE INDEX reservation_open ON reservation (session, agent, turn) WHERE used IS NULL;"
     "CREATE INDEX reservation_pending ON reservation (id) WHERE used IS NULL;"
     "CREATE TABLE period ("
     " kind TEXT NOT NULL, start BIGINT NOT NULL, spent BIGINT NOT NULL, reserved BIGINT NOT NULL,"
     " forgotten BIGINT NOT NULL, warned BIGINT NOT NULL, PRIMARY KEY (kind, start));"
     "CREATE TABLE cap (kind TEXT PRIMARY KEY, pico BIGINT NOT NULL);"},
    /* What was said, beside what was done (host/talk.h). size comes before the long texts, so that adding it up reads none. */
    {"CREATE TABLE talk ("
     " session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE, seq BIGINT NOT NULL,"
     " kind TEXT NOT NULL, number BIGINT NOT NULL, call TEXT, size BIGINT NOT NULL,"
     " body TEXT NOT NULL, bytes TEXT);"
     "CREATE UNIQUE INDEX talk_order ON talk (session, seq);"},
};
const size_t state_step_count = ARRAY_LEN(state_steps);
