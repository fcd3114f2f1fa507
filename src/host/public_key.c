/* RFC 8410: the SubjectPublicKeyInfo of an Ed25519 key is always the same twelve bytes and the key, so
 * no DER is parsed here: anything else is another kind of key and is refused. */
#include "host/public_key.h"

#include "wire/base64.h"

#include <string.h>

enum { HEADER_SIZE = 12, TEXT_MAX = 512 };
static const uint8_t header[HEADER_SIZE] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                            0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
#define PEM_BEGIN STR("-----BEGIN PUBLIC KEY-----")
#define PEM_END STR("-----END PUBLIC KEY-----")

static int bad(struct fault *reterr)
{
    int r = fault_set(reterr, FAULT_INPUT, "this is no Ed25519 public key");
    fault_next(reterr, "a key is 64 hex digits or a PEM file: boxagnts journal key [--pem]");
    return r;
}

static int parse_pem(struct str text, uint8_t ret[SIGN_PUBLIC_SIZE], struct fault *reterr)
{
    struct buf digits, bytes;
    text = (struct str){text.at + PEM_BEGIN.len, text.len - PEM_BEGIN.len - PEM_END.len};
    buf_init(&digits, TEXT_MAX);
    buf_init(&bytes, TEXT_MAX);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '\n' && text.at[i] != '\r')
            buf_add_c(&digits, text.at[i]);
    }
    int r = buf_error(&digits);
    if (r == 0)
        r = base64_decode(buf_str(&digits), &bytes);
    bool is_key = r == 0 && bytes.len == HEADER_SIZE + SIGN_PUBLIC_SIZE &&
                  memcmp(bytes.at, header, HEADER_SIZE) == 0;
    if (is_key)
        memcpy(ret, bytes.at + HEADER_SIZE, SIGN_PUBLIC_SIZE);
    buf_done(&digits);
    buf_done(&bytes);
    return is_key ? 0 : bad(reterr);
}

int public_key_parse(struct str text, uint8_t ret[SIGN_PUBLIC_SIZE], struct fault *reterr)
{
    text = str_trim(text);
    if (text.len > PEM_BEGIN.len + PEM_END.len && text.len < TEXT_MAX &&
        str_starts(text, PEM_BEGIN) && str_ends(text, PEM_END))
        return parse_pem(text, ret, reterr);
    return hex_decode(text, ret, SIGN_PUBLIC_SIZE) == 0 ? 0 : bad(reterr);
}

int public_key_print_pem(const uint8_t key[SIGN_PUBLIC_SIZE], struct buf *out)
{
    char bytes[HEADER_SIZE + SIGN_PUBLIC_SIZE];
    memcpy(bytes, header, HEADER_SIZE);
    memcpy(bytes + HEADER_SIZE, key, SIGN_PUBLIC_SIZE);
    buf_add_str(out, PEM_BEGIN);
    buf_add_c(out, '\n');
    int r = base64_encode((struct str){bytes, sizeof(bytes)}, out);
    buf_add_c(out, '\n');
    buf_add_str(out, PEM_END);
    buf_add_c(out, '\n');
    return r < 0 ? r : buf_error(out);
}
