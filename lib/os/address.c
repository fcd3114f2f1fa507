/* Addresses out of and into the kernel's structures. Decides nothing: which address may be reached is said
 * by whoever asks for the socket. */
#include "os/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int os_address_of(const struct sockaddr *from, size_t len, struct os_address *ret)
{
    struct os_address a = {0};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (len >= sizeof(v4) && from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        memcpy(a.ip, &v4.sin_addr, 4);
        a.port = ntohs(v4.sin_port);
    } else if (len >= sizeof(v6) && from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof(v6));
        a.is_v6 = true;
        memcpy(a.ip, &v6.sin6_addr, 16);
        a.port = ntohs(v6.sin6_port);
    } else {
        return -EAFNOSUPPORT;
    }
    *ret = a;
    return 0;
}

void os_address_print(const struct os_address *a, char ret[OS_ADDRESS_TEXT_SIZE])
{
    _Static_assert(OS_ADDRESS_TEXT_SIZE >= INET6_ADDRSTRLEN, "holds any address");
    must(inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, a->ip, ret, OS_ADDRESS_TEXT_SIZE) != NULL);
}

int os_address_parse(const char *text, struct os_address *ret)
{
    struct os_address a = {0};
    if (inet_pton(AF_INET, text, a.ip) != 1) {
        if (inet_pton(AF_INET6, text, a.ip) != 1)
            return -EINVAL;
        a.is_v6 = true;
    }
    *ret = a;
    return 0;
}

bool os_address_is_loopback(const struct os_address *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (!a->is_v6)
        return a->ip[0] == 127;
    return memcmp(a->ip, v6, 16) == 0 || (memcmp(a->ip, mapped, 12) == 0 && a->ip[12] == 127);
}

int os_address_socket(const struct os_address *a)
{
    int fd = socket(a->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}
