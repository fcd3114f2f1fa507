/* boxagnts-compile: one .wasm in, native code out. Started by the monitor only. */
#include "sandbox/compile/compile.h"

int main(int argc, char **argv)
{
    return compile_main(argc, argv);
}
