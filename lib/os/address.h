/* Network addresses as plain values, and the sockets that go out to them. Used by egress only; a program
 * that calls nothing of this contains no way to make such a socket. */
#pragma once

#include "base/base.h"

struct sockaddr;

struct os_address {
    bool is_v6;
    uint8_t ip[16]; /* network order; an IPv4 address is the first four */
    uint16_t port;
};
#define OS_ADDRESS_TEXT_SIZE 48

/* -EAFNOSUPPORT: neither IPv4 nor IPv6, or cut short. */
must_use int os_address_of(const struct sockaddr *from, size_t len, struct os_address *ret);
/* "127.0.0.1", "::1"; without the port. */
void os_address_print(const struct os_address *a, char ret[OS_ADDRESS_TEXT_SIZE]);
/* "127.0.0.1" or "::1" without brackets; port 0. -EINVAL: a name, or nothing that we read. */
must_use int os_address_parse(const char *text, struct os_address *ret);
bool os_address_is_loopback(const struct os_address *a);

/* A stream socket, close-on-exec, for the family of this address. Returns the fd or -errno. */
must_use int os_address_socket(const struct os_address *a);
