#!/usr/bin/env python3
"""What a person gets wrong about a model service: one sentence that names the place and the next step, never a secret."""
import json
import ssl
import subprocess

from common import expect, main
from lib_model import Stub, text

MODEL = "anthropic/claude-sonnet-4-5"
KEY = "sk-secret-value"


def run(p, *args, code, **env):
    proc = p.run("run", "--model", MODEL, *args, "q", env={"ANTHROPIC_API_KEY": KEY, **env}, code=code)
    expect(KEY not in proc.stdout + proc.stderr and "pass%word" not in proc.stderr, "no secret is shown", proc.stderr)
    return proc.stderr


def a_base_url_that_is_none_names_whose_word_it_is(p):
    for base, why in (("ftp://x", "https://"), ("127.0.0.1:8080", "https://"), ("http://user:pass%word@h:99999", "port"), ("http://h:x", "port")):
        err = run(p, code=2, ANTHROPIC_BASE_URL=base)
        expect("ANTHROPIC_BASE_URL" in err and why in err and "https://host[:port]" in err and base not in err, base, err)
    for proxy in ("socks5://h:1", "gopher://h"):
        err = run(p, code=2, ANTHROPIC_BASE_URL="http://h.invalid", http_proxy=proxy)
        expect("proxy" in err and "http" in err, err)


def a_key_that_cannot_be_one_is_told_before_anything_starts(p):
    for key in (KEY + "\nx", f'"{KEY} "x', KEY + "\u00e9"):
        proc = p.run("run", "--model", MODEL, "q", env={"ANTHROPIC_API_KEY": key}, code=2)
        expect("ANTHROPIC_API_KEY" in proc.stderr and KEY not in proc.stderr, proc.stderr)
    with Stub(lambda stub, ask: ask.stream(text("fine"))) as stub:
        run(p, code=0, ANTHROPIC_BASE_URL=stub.base, ANTHROPIC_API_KEY=f" {KEY}\n") # white space round it is nobody's key
        expect(stub.asks[0].headers["x-api-key"] == KEY, stub.asks[0].headers)


def what_was_met_is_told_also_when_the_time_is_over_first(p):
    err = run(p, "--timeout", "0.7", code=5, ANTHROPIC_BASE_URL="http://127.0.0.1:1")
    expect("time limit" in err and "unreachable" in err and "127.0.0.1" in err, err)
    err = run(p, code=6, ANTHROPIC_BASE_URL="http://no-such-host.invalid")
    expect("no-such-host.invalid" in err, err)


def a_certificate_that_nobody_vouches_for(p):
    key, certificate = p.root / "key.pem", p.root / "cert.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key, "-out", certificate,
                           "-subj", "/CN=stub", "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True, check=False)
    expect(made.returncode == 0, made.stderr)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Stub(lambda stub, ask: ask.stream(text("hi")), context) as stub:
        err = run(p, code=6, ANTHROPIC_BASE_URL=f"https://127.0.0.1:{stub.port}")
        expect("certificate" in err and not stub.asks, err)


main(a_base_url_that_is_none_names_whose_word_it_is, a_key_that_cannot_be_one_is_told_before_anything_starts, what_was_met_is_told_also_when_the_time_is_over_first,
     a_certificate_that_nobody_vouches_for)
