# Compiler and linker flags, as one interface target that every room, program and test links: bx_flags.
#   BX_SANITIZER  "" | address (with undefined) | thread | fuzz | coverage
#   BX_HARDEN     the release set: hardening that costs nothing we notice

set(BX_SANITIZER "" CACHE STRING "address, thread, fuzz, coverage or empty")
option(BX_HARDEN "compile and link hardened" OFF)

set(BX_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wundef
    -Wvla -Walloca -Wformat=2 -Wwrite-strings -Wcast-qual -Wimplicit-fallthrough -Wswitch-enum -Werror)
# snprintf cuts text that is only for people; where the length matters its result is checked.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND BX_WARNINGS -Wno-format-truncation)
endif()
# gcc finds paths that are not there once a sanitizer has rewritten the code.
if(BX_SANITIZER STREQUAL "")
    list(APPEND BX_WARNINGS -Wnull-dereference)
elseif(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND BX_WARNINGS -Wno-maybe-uninitialized -Wno-stringop-overflow)
endif()

add_library(bx_flags INTERFACE)
# _GNU_SOURCE is empty so that a file may say `#define _GNU_SOURCE` too.
target_compile_definitions(bx_flags INTERFACE _GNU_SOURCE= _FILE_OFFSET_BITS=64 BOXAGNTS_VERSION="${PROJECT_VERSION}")
target_compile_options(bx_flags INTERFACE ${BX_WARNINGS} -fvisibility=hidden -fPIE -fno-common -fno-strict-aliasing
                       -ffunction-sections -fdata-sections -fno-omit-frame-pointer)
# -static-libgcc: the engine unwinds, and one library less to load is time at every start of a worker.
target_link_options(bx_flags INTERFACE $<IF:$<BOOL:$<TARGET_PROPERTY:BX_IS_WHOLE>>,-static-pie,-pie> -static-libgcc -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now,-z,noexecstack)

if(BX_HARDEN)
    target_compile_options(bx_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
                           -ftrivial-auto-var-init=zero)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        target_compile_options(bx_flags INTERFACE -fcf-protection=full)
    else()
        target_compile_options(bx_flags INTERFACE -mbranch-protection=standard)
    endif()
    target_link_options(bx_flags INTERFACE -Wl,-z,separate-code)
endif()

if(BX_SANITIZER STREQUAL "address")
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(BX_SANITIZER STREQUAL "thread")
    set(sanitize -fsanitize=thread)
elseif(BX_SANITIZER STREQUAL "fuzz")
    set(sanitize -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
elseif(BX_SANITIZER STREQUAL "coverage")
    set(sanitize --coverage -fprofile-update=atomic)
endif()
if(sanitize)
    target_compile_options(bx_flags INTERFACE ${sanitize})
    target_link_options(bx_flags INTERFACE ${sanitize})
endif()

# Tests may cast and narrow; they are held to the rest. Linked after bx_flags, because the last word counts.
add_library(bx_test_flags INTERFACE)
target_compile_options(bx_test_flags INTERFACE -Wno-missing-prototypes -Wno-cast-qual -Wno-conversion
                       -Wno-sign-conversion -Wno-null-dereference -Wno-switch-enum)
