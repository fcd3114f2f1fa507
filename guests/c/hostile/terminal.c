/* Hostile guest: output that a terminal would obey: title, clipboard, cursor, hidden text, answers typed back, C1, BiDi. */
#include <stdio.h>

int main(void)
{
    fputs(
        "\033]0;owned\007\033]52;c;cm0gLXJmIH4=\007\033[2J\033[H\033[8mhidden\033[0m\033[6n\033P$q\"p\033\\\x9b"
        "31m"
        "\xc2\x9b"
        "31m\r\b\b\bover\xe2\x80\xae"
        "drow\xe2\x81\xa6 end\n",
        stdout);
    return 0;
}
