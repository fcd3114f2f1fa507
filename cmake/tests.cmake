# Turns files into tests. Nothing is listed by hand: dropping a file into its folder is enough.
#   tests/unit/<room>/test_*.c     one program and one ctest each; other .c files there are helpers of all of them
#   tests/fuzz/fuzz_*.c            first line `/* rooms: wire base */`; libFuzzer in preset fuzz, elsewhere a replay of
#                                  tests/fuzz/corpus/<name>/ (name with or without fuzz_) as a ctest
#   tests/bench/bench_*.c          first line the same; built by target `benches`
#   tests/{scenario,golden,escape,fault,trust}/{*.sh,test_*.py}   run as ctests
#   tests/conformance/<name>_suite.py                             run as ctests with the build folder as argument
#   tests/shape/test_shape.py      the shape of the house itself

set(BX_TEST_ENV BOXAGNTS_BIN=${CMAKE_BINARY_DIR}/bin BOXAGNTS_SRC=${CMAKE_SOURCE_DIR} BOXAGNTS_BUILD=${CMAKE_BINARY_DIR}
    BOXAGNTS_TOOLS=${CMAKE_BINARY_DIR}/share/boxagnts/tools BOXAGNTS_HOSTILE=${CMAKE_BINARY_DIR}/share/boxagnts/hostile
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1)

# ret: the rooms a test of these rooms may see: themselves and what they use, transitively.
function(bx_rooms_below ret)
    set(all "")
    set(todo ${ARGN})
    while(todo)
        list(POP_FRONT todo name)
        if(NOT name IN_LIST all)
            list(APPEND all ${name})
            get_property(uses GLOBAL PROPERTY BX_${name}_USES)
            list(APPEND todo ${uses})
        endif()
    endwhile()
    set(${ret} ${all} PARENT_SCOPE)
endfunction()

function(bx_test_program target output_dir)
    cmake_parse_arguments(arg "" "" "SOURCES;ROOMS" ${ARGN})
    add_executable(${target} ${arg_SOURCES})
    bx_rooms_below(below ${arg_ROOMS})
    bx_include_roots(roots ${below})
    target_include_directories(${target} PRIVATE ${roots} ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${target} PRIVATE bx_flags bx_test_flags)
    foreach(name IN LISTS below)
        target_link_libraries(${target} PRIVATE bx_${name})
        get_property(libs GLOBAL PROPERTY BX_${name}_LIBS)
        foreach(lib IN LISTS libs)
            if(TARGET ext_${lib})
                target_link_libraries(${target} PRIVATE ext_${lib})
            endif()
        endforeach()
    endforeach()
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${output_dir})
endfunction()

# ret: the rooms named by the first line of a file.
function(bx_rooms_of_file ret file)
    file(STRINGS ${file} line LIMIT_COUNT 1)
    if(NOT line MATCHES "^/\\* rooms: ([a-z_ ]+) \\*/")
        message(FATAL_ERROR "${file}: its first line must name its rooms, like `/* rooms: wire base */`")
    endif()
    string(STRIP "${CMAKE_MATCH_1}" names)
    string(REPLACE " " ";" names "${names}")
    get_property(rooms GLOBAL PROPERTY BX_ROOMS)
    foreach(name IN LISTS names)
        if(NOT name IN_LIST rooms)
            message(FATAL_ERROR "${file}: its first line names '${name}', which is no room")
        endif()
    endforeach()
    set(${ret} ${names} PARENT_SCOPE)
endfunction()

function(bx_unit_tests)
    get_property(rooms GLOBAL PROPERTY BX_ROOMS)
    foreach(name IN LISTS rooms)
        file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.c)
        set(helpers ${sources})
        list(FILTER helpers EXCLUDE REGEX "/test_[^/]*$")
        list(FILTER sources INCLUDE REGEX "/test_[^/]*$")
        foreach(source IN LISTS sources)
            get_filename_component(stem ${source} NAME_WE)
            string(REGEX REPLACE "^test_" "" stem ${stem})
            set(target unit_${name}_${stem})
            bx_external(cmocka)
            bx_test_program(${target} tests/unit SOURCES ${source} ${helpers} ROOMS ${name})
            target_link_libraries(${target} PRIVATE ext_cmocka)
            add_test(NAME unit/${name}/${stem} COMMAND ${target})
            set_tests_properties(unit/${name}/${stem} PROPERTIES TIMEOUT 60 LABELS unit ENVIRONMENT "${BX_TEST_ENV}"
                                 SKIP_RETURN_CODE 77)
        endforeach()
    endforeach()
endfunction()

function(bx_fuzz_targets)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
    foreach(source IN LISTS sources)
        get_filename_component(target ${source} NAME_WE)
        string(REGEX REPLACE "^fuzz_" "" stem ${target})
        bx_rooms_of_file(names ${source})
        if(BX_SANITIZER STREQUAL "fuzz")
            bx_test_program(${target} fuzz SOURCES ${source} ROOMS ${names})
            target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        else()
            bx_test_program(${target} tests/fuzz SOURCES ${source} ${CMAKE_SOURCE_DIR}/cmake/fuzz_main.c ROOMS ${names})
            add_test(NAME fuzz/${stem} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${target}
                                               ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${stem})
            set_tests_properties(fuzz/${stem} PROPERTIES TIMEOUT 60 LABELS fuzz ENVIRONMENT "${BX_TEST_ENV}")
        endif()
    endforeach()
endfunction()

function(bx_benches)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/bench/bench_*.c)
    add_custom_target(benches)
    foreach(source IN LISTS sources)
        get_filename_component(target ${source} NAME_WE)
        bx_rooms_of_file(names ${source})
        bx_test_program(${target} bench SOURCES ${source} ROOMS ${names})
        set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
        add_dependencies(benches ${target})
    endforeach()
endfunction()

function(bx_script_tests)
    foreach(kind IN ITEMS scenario golden escape fault trust)
        file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${kind}/*.sh
                                            ${CMAKE_SOURCE_DIR}/tests/${kind}/test_*.py)
        foreach(script IN LISTS scripts)
            get_filename_component(stem ${script} NAME_WE)
            string(REGEX REPLACE "^test_" "" stem ${stem})
            if(stem MATCHES "^(lib|common)")
                continue() # sourced by the others
            endif()
            if(script MATCHES "\\.py$")
                set(command python3 ${script})
            else()
                set(command bash ${script})
            endif()
            add_test(NAME ${kind}/${stem} COMMAND ${command})
            set_tests_properties(${kind}/${stem} PROPERTIES TIMEOUT 300 LABELS ${kind} ENVIRONMENT "${BX_TEST_ENV}"
                                 SKIP_RETURN_CODE 77)
        endforeach()
    endforeach()
endfunction()

# A conformance suite drives our code with somebody else's cases: tests/conformance/<name>_suite.py BUILD_DIR. Exit 77 says
# that the suite cannot be had here.
function(bx_conformance_tests)
    file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/conformance/*_suite.py)
    foreach(script IN LISTS scripts)
        get_filename_component(stem ${script} NAME_WE)
        string(REGEX REPLACE "_suite$" "" stem ${stem})
        add_test(NAME conformance/${stem} COMMAND python3 ${script} ${CMAKE_BINARY_DIR})
        set_tests_properties(conformance/${stem} PROPERTIES TIMEOUT 300 LABELS conformance SKIP_RETURN_CODE 77
                             ENVIRONMENT "${BX_TEST_ENV}")
    endforeach()
endfunction()

# The fault suite's tracer, and the library that it loads into the programs under test. They see no room and no room sees them;
# the tracer knows the registers of one kind of processor. Under a sanitizer both would be in its way.
if(BX_SANITIZER STREQUAL "" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_executable(fault_injector ${CMAKE_SOURCE_DIR}/tests/fault/injector.c)
    add_library(fault_alloc_shim MODULE ${CMAKE_SOURCE_DIR}/tests/fault/alloc_shim.c)
    foreach(target IN ITEMS fault_injector fault_alloc_shim)
        target_compile_options(${target} PRIVATE -O2 -g1 -Wall -Wextra -Werror)
        set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fault
                              LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fault PREFIX "")
    endforeach()
    set_target_properties(fault_injector PROPERTIES OUTPUT_NAME injector)
    set_target_properties(fault_alloc_shim PROPERTIES OUTPUT_NAME alloc_shim)
endif()
bx_unit_tests()
bx_fuzz_targets()
bx_benches()
if(NOT BX_SANITIZER STREQUAL "fuzz")
    bx_script_tests()
endif()
if(BX_SANITIZER STREQUAL "")
    bx_conformance_tests()
endif()
# The guests' own tests: their code natively under the sanitizers, then transcripts on the modules.
if(BX_SANITIZER STREQUAL "" AND EXISTS ${CMAKE_SOURCE_DIR}/guests/Makefile)
    add_test(NAME guests COMMAND ${CMAKE_COMMAND} -E env --unset=MAKEFLAGS --unset=MAKELEVEL
                                 make -C ${CMAKE_SOURCE_DIR}/guests test PREFIX=${BX_PREFIX} NATIVE_PREFIX=${BX_PREFIX}
                                 OUT=${CMAKE_SOURCE_DIR}/build/release/share/boxagnts/tools
                                 BOXAGNTS_BIN=${CMAKE_BINARY_DIR}/bin)
    set_tests_properties(guests PROPERTIES TIMEOUT 600 LABELS guests ENVIRONMENT "${BX_TEST_ENV}")
endif()
if(BX_SANITIZER STREQUAL "") # a sanitizer's runtime brings symbols of its own
    add_test(NAME shape COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/shape/test_shape.py)
    set_tests_properties(shape PROPERTIES TIMEOUT 60 LABELS shape ENVIRONMENT "${BX_TEST_ENV}")
endif()
