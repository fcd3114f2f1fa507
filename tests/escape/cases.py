"""The escape corpus as data. Each case: what is attacked, which layer must hold, how it must end, and how the attack is known
to be real.

    guest, args, flags   boxagnts exec [flags] guest -- args, in the folder `place` makes (see PLACES in test_escape.py)
    stop                 stopped_by of the receipt (default: exit)
    refused              the guest must print "refused" for all of its attempts and "REACHED" for none (default); names in
                         `harmless` may be reached: they stay inside
    errno                {attempt: errno of preview 1}, checked when given
    why, limit           a reason that receipt.refused must have; a key that receipt.limits_hit must have
    check                a function of test_escape.py that looks at the host's side afterwards
    real                 how the attack is shown to work where nothing stops it:
        ("mount", args, flags, [never])  the same guest on a mount that holds the target reaches all but `never`
        ("raised", args, flags, [never]) the same guest with the limit raised reaches all but `never`
        ("host", function)               a plain program of the host does it
        ("longer",)                      the same guest with a later deadline goes on until then: nothing but the deadline ends it
        ("more",)                        the same guest with a limit ten times as wide uses more than the narrow one lets it
        None                             not shown void: nothing else runs it
"""

NOTCAPABLE, NOENT, EROFS, DQUOT, MFILE, INVAL, FAULT, BADF, XDEV, ISDIR, BUSY, NAMETOOLONG, ILSEQ, ELOOP, EXIST = (
    76, 44, 69, 19, 33, 28, 21, 8, 75, 31, 10, 37, 25, 32, 20)

QUICK = ["--wasm-timeout", "0.25", "--wasm-fuel", "1000000000000000"]
UPPER = ["--map-dirs", "{base}::/:rw"]

CASES = [
    # --- paths ---
    dict(name="path_climb", layer="wasi: resolve beneath", place="paths", guest="climb", args=["", "{base}"], why="outside the mounts",
         check="outside_untouched",
         real=("mount", ["work/"], UPPER, ["climb_from_folder"])),
    dict(name="path_absolute", layer="wasi: resolve beneath", place="paths", guest="climb", args=["", "{base}"], why="outside the mounts",
         check="outside_untouched", real=("host", "absolute_is_read")),
    dict(name="path_bad_names", layer="wasi: path checks", place="paths", guest="bad_names", check="outside_untouched",
         errno={"path_4096": NAMETOOLONG, "component_256": NAMETOOLONG, "not_utf8": ILSEQ, "nul_inside": INVAL,
                "path_1MiB": NAMETOOLONG, "empty": NOENT}, real=None),
    dict(name="symlink_made_by_guest", layer="wasi: path_symlink", place="paths", guest="make_links", args=[""], check="links_stay_inside",
         real=("mount", ["work/"], UPPER, ["symlink_loop", "symlink_loop.below", "symlink_up_file.below", "symlink_slow_up.below", "symlink_up_down.below",
                                           "deep_link", "link_moved_up", "link_linked_up", "link_moved_up.read", "link_linked_up.read"])),
    dict(name="hard_link_across_mounts", layer="wasi: one mount a link", place="two_mounts", guest="hard_links", args=["3", "4"],
         flags=["--map-dirs", "{base}/ro::/ro"], check="ro_untouched",
         real=("mount", ["3", "4"], ["--map-dirs", "{base}/ro::/ro:rw"],
               ["link_out_of_ro", "rename_out_of_ro", "link_into_ro", "rename_into_ro", "write_second"])),
    dict(name="mount_shadowing", layer="wasi: nested mounts", place="shadow", guest="shadowed", flags=["--map-dirs", "{base}/inner::/data:rw", "--map-dirs", "{base}/inner::/up/m"],
         check="hidden_untouched", real=("host", "hidden_without_the_mount")),
    dict(name="mount_read_only", layer="wasi: read-only mount, Landlock", place="read_only", guest="ro_mutate", flags=["--map-dirs", "{base}/ro::/"],
         why="read-only mount", check="tree_unchanged", real=("mount", [], ["--map-dirs", "{base}/ro::/:rw"], ["link_old", "unlink", "unlink_link"])),

    # --- races with someone on the host ---
    dict(name="race_swap_read", layer="wasi: openat2 beneath held folders", place="race", guest="race", args=["read", "4000"], attacker="swap",
         check="outside_untouched", real=("host", "race_read_by_host")),
    dict(name="race_swap_write", layer="wasi: openat2 beneath held folders", place="race", guest="race", args=["write", "1500"], attacker="swap",
         check="outside_untouched", real=("host", "race_write_by_host")),
    dict(name="race_moved_folder", layer="wasi: '..' by name, never the kernel's", place="race", guest="race", args=["folder", "4000"], attacker="move",
         check="outside_untouched", real=("host", "race_folder_by_host")),
    dict(name="race_swap_file", layer="wasi: openat2 without links", place="race", guest="race", args=["file", "1500"], attacker="swap_file",
         check="outside_untouched", real=("host", "race_file_by_host")),
    dict(name="race_remove", layer="wasi: unlinkat in a held folder", place="race", guest="race", args=["remove", "2000"], attacker="swap",
         check="outside_untouched", real=("host", "race_remove_by_host")),
    dict(name="race_steal", layer="wasi: renameat, linkat in held folders", place="race", guest="race", args=["steal", "2000"], attacker="swap",
         check="outside_untouched", real=("host", "race_steal_by_host")),

    # --- what is no file ---
    dict(name="special_fifo", layer="wasi: only files and folders, O_NONBLOCK", place="special", guest="special", args=["fifo"],
         why="not a regular file", max_s=10, real=("host", "fifo_blocks")),
    dict(name="special_socket", layer="wasi: only files and folders", place="special", guest="special", args=["socket"], why="not a regular file",
         real=("host", "socket_connects")),
    dict(name="special_device", layer="wasi: only files and folders", place="device", guest="special", args=["zero", "tty"], real=("host", "device_opens")),
    dict(name="kernel_files_mapped", layer="wasi: kernel file systems", place="paths", guest="kernel_files", args=["p", "s"],
         flags=["--map-dirs", "/proc::/p:rw", "--map-dirs", "/sys::/s:rw"], why="a file of the kernel", real=("host", "kernel_files_by_host")),
    dict(name="kernel_files_in_root", layer="wasi: kernel file systems", place="root", guest="kernel_files", args=["proc", "sys"],
         why="a file of the kernel", real=("host", "kernel_files_by_host")),

    dict(name="links_into_proc", layer="wasi: absolute links", place="proc_links", guest="kernel_files", args=["self-root/proc", "self-root/sys"], why="outside the mounts",
         check="outside_untouched", real=("host", "proc_links_by_host")),

    # --- file numbers and rights ---
    dict(name="fd_guessing", layer="wasi: table of numbers", place="paths", guest="numbers", args=["guess"], errno={"guessed": BADF},
         real=("raised", ["open"], [], [])),
    dict(name="fd_renumber", layer="wasi: table of numbers", place="paths", guest="numbers", args=[], real=None),
    dict(name="fd_rights_widened", layer="wasi: rights", place="paths", guest="rights", errno={"widen": NOTCAPABLE, "write_without": NOTCAPABLE},
         real=("raised", ["keep"], [], [])),

    # --- pointers and lengths ---
    dict(name="pointers_all_calls", layer="wasi: guest_at", place="paths", module="hostile_calls", check="outside_untouched", real=None),
    dict(name="pointers_all_calls_ro", layer="wasi: guest_at", place="paths", module="hostile_calls", flags=["--map-dirs", "{base}/work::/"],
         check="tree_unchanged", real=None),
    dict(name="pointers_all_http_calls", layer="http import: guest_at", place="paths", module="hostile_http_calls", why="no host is granted", check="outside_untouched",
         real=None),
    dict(name="iovec_overlap_and_wrap", layer="wasi: guest_at", place="paths", guest="buffers",
         errno={"too_many": INVAL, "count_max": INVAL, "part_past_memory": FAULT, "answer_past_memory": FAULT}, real=None),
    dict(name="readdir_cookies", layer="wasi: fd_readdir", place="many_files", guest="listing", args=["2010"], real=("raised", ["100"], [], ["past_memory", "length_max"])),

    # --- disk ---
    dict(name="disk_hole_by_seek", layer="wasi: write quota", place="paths", guest="fill_disk", args=["seek", "8000000"],
         flags=["--max-write-bytes", "1000000"], limit="max_write_bytes", check="disk_used_small", errno={"write_behind_hole": DQUOT},
         real=("raised", ["seek", "8000000"], [], ["pwrite_at_end_of_numbers", "write_at_end_of_numbers", "seek_past_numbers"])),
    dict(name="disk_size_set", layer="wasi: write quota", place="paths", guest="fill_disk", args=["size", "8000000"], flags=["--max-write-bytes", "1000000"],
         limit="max_write_bytes", check="disk_used_small", errno={"set_size": DQUOT},
         real=("raised", ["size", "8000000"], [], ["set_size_max", "set_size_top", "allocate_max", "allocate_wraps"])),
    dict(name="disk_allocate_in_hole", layer="wasi: write quota", place="hole", guest="fill_disk", args=["hole", "50000000"],
         flags=["--max-write-bytes", "1000000"], limit="max_write_bytes", check="disk_used_small", errno={"allocate_in_hole": DQUOT},
         real=("raised", ["hole", "50000000"], [], [])),
    dict(name="disk_grow_and_cut", layer="wasi: write quota", place="paths", guest="fill_disk", args=["cycle", "64000000"],
         flags=["--max-write-bytes", "4000000"], limit="max_write_bytes", real=("raised", ["cycle", "64000000"], [], [])),
    dict(name="disk_rewrite", layer="wasi: write quota", place="paths", guest="fill_disk", args=["rewrite", "16000000"],
         flags=["--max-write-bytes", "1000000"], limit="max_write_bytes", real=("raised", ["rewrite", "16000000"], [], [])),
    dict(name="disk_after_quota", layer="wasi: write quota", place="paths", guest="fill_disk", args=["after"], flags=["--max-write-bytes", "300000"],
         limit="max_write_bytes", check="disk_used_small", errno={"write_after": DQUOT, "grow_after": DQUOT}, real=None),
    dict(name="disk_unlinked_while_open", layer="wasi: write quota", place="paths", guest="unlinked", args=["16"], flags=["--max-write-bytes", "3000000"],
         limit="max_write_bytes", real=("raised", ["16"], [], [])),

    # --- floods ---
    *(dict(name=f"flood_{what}", layer="wasi: created files", place="paths", guest="floods", args=[what, "400"], flags=["--max-created-files", "60"],
           limit="max_created_files", errno={what: DQUOT}, real=("raised", [what, "400"], [], []))
      for what in ("files", "folders", "links", "hard", "remake")),
    *(dict(name=f"flood_{what}", layer="wasi: open files", place="paths", guest="floods", args=[what, "400"], limit="max_open_files", errno={what: MFILE},
           real=("raised", [what, "400"], ["--max-open-files", "500"], [])) for what in ("open", "streams")),
    dict(name="flood_deep_folders", layer="wasi: length of a real name", place="paths", guest="floods", args=["deep", "300"], errno={"deep": NAMETOOLONG},
         real=("host", "deep_folders_by_host")),
    dict(name="flood_refusals", layer="wasi: cap of refusals", place="paths", guest="floods", args=["refused", "5000"], harmless=["refused"],
         check="receipt_small", real=None),
    dict(name="flood_renames", layer="wasi: cap of the log of changes", place="paths", guest="floods", args=["renames", "200000"], errno={"renames": DQUOT},
         why="the log of changes", flags=["--wasm-timeout", "25"], real=None),
    dict(name="flood_long_names", layer="wasi: cap of touches", place="paths", guest="floods", args=["long_names", "4000"], harmless=["long_names"],
         check="receipt_small", real=None),
    dict(name="flood_stdout", layer="worker: output cap", place="paths", guest="flood_stdout", args=["40"], flags=["--max-output-bytes", "1000"],
         check="stdout_1000", limit="max_output_bytes", real=("host", "flood_by_more_output")),

    # --- waiting ---
    dict(name="poll_millions", layer="wasi: cap of subscriptions", place="paths", guest="waits", args=["many"], errno={"millions": INVAL, "count_max": INVAL}, real=None),
    *(dict(name=f"wait_{what}", layer=layer, place="paths", guest="waits", args=[what], flags=QUICK, stop="timeout", max_s=10, stdin=stdin, real=("longer",))
      for what, layer, stdin in (("relative", "wasi: waits end with the run", False), ("absolute", "wasi: waits end with the run", False),
                                 ("stdin", "wasi: waits end with the run", True), ("loop", "engine: epoch", False), ("yield", "wasi: stop check", False),
                                 ("clock", "engine: epoch", False), ("zero_writes", "engine: epoch", False), ("random", "wasi: stop check", False))),
    dict(name="sleep_past_deadline", layer="wasi: waits end with the run", place="paths", guest="sleep_long", flags=QUICK, stop="timeout", max_s=10, real=("longer",)),
    dict(name="spin_with_all_fuel", layer="engine: epoch", place="paths", guest="spin", flags=["--wasm-timeout", "0.25", "--wasm-fuel", "1000000000000000000"],
         stop="timeout", real=("longer",)),
    dict(name="spin_fuel", layer="engine: fuel", place="paths", guest="spin", flags=["--wasm-fuel", "1000000"], stop="fuel", real=("more", "fuel", 1000000)),
    dict(name="memory_eaten", layer="engine: store limiter", place="paths", guest="eat_memory", flags=["--wasm-max-memory-size", "16777216"], stop="memory",
         real=("more", "peak_memory", 16777216)),
    dict(name="recursion_in_c", layer="engine: stack limit", place="paths", guest="deep_recursion", stop="stack", real=None),

    # --- looking round ---
    dict(name="snoop_environment", layer="wasi: nothing inherited", place="paths", guest="snoop", args=["given"], flags=["--env-vars", "GIVEN=1"],
         check="nothing_inherited", env={"SECRET_TOKEN": "hunter2", "ANTHROPIC_API_KEY": "sk-hunter2"}, errno={"odd_clock": INVAL}, real=("host", "child_sees_environment")),
]

# The same tricks through the tools that a planner has: boxagnts tool call NAME JSON. exit: expected codes.
TOOL_CASES = [
    dict(name="tool_read_dotdot", tool="read", input={"path": "../secret.txt"}, exit=[2, 3]),
    dict(name="tool_read_absolute", tool="read", input={"path": "{base}/secret.txt"}, exit=[1, 2, 3]),
    dict(name="tool_read_link", tool="read", input={"path": "file-link"}, exit=[1]),
    dict(name="tool_read_folder_link", tool="read", input={"path": "out-dir/secret.txt"}, exit=[1]),
    dict(name="tool_read_abs_link", tool="read", input={"path": "out-abs/secret.txt"}, exit=[1]),
    dict(name="tool_read_nul", tool="read", input={"path": "a.txt\0../secret.txt"}, exit=[2, 3]),
    dict(name="tool_read_proc", tool="read", input={"path": "/proc/self/environ"}, exit=[1, 2, 3]),
    dict(name="tool_write_link", tool="write", input={"path": "file-link", "content": "BROKEN"}, exit=[1, 3]),
    dict(name="tool_write_dangling", tool="write", input={"path": "dangling", "content": "BROKEN"}, exit=[1, 3]),
    dict(name="tool_write_dotdot", tool="write", input={"path": "a/../../new.txt", "content": "BROKEN"}, exit=[2, 3]),
    dict(name="tool_edit_link", tool="edit", input={"path": "file-link", "old_string": "SECRET", "new_string": "BROKEN"}, exit=[1, 3]),
    dict(name="tool_glob_up", tool="glob", input={"pattern": "../*"}, exit=[0, 1, 2, 3]),
    dict(name="tool_grep_links", tool="grep", input={"pattern": "SECRET"}, exit=[0, 1]),
    dict(name="tool_list_link", tool="list", input={"path": "out-dir", "depth": 3}, exit=[1, 2, 3]),
]

# A worker that was taken over, in the place of ours: what it says to the monitor. stop: how the call must end; "exit" where the lie is
# no breach of the protocol but a claim, which is then bounded (says).
LIES = [
    dict(name="lie_garbage", lie="garbage", stop="crash"),
    dict(name="lie_answer_to_no_question", lie="wrong_id", stop="crash"),
    dict(name="lie_frame_without_body", lie="no_body", stop="crash"),
    dict(name="lie_half_a_frame", lie="half_frame", stop="crash"),
    dict(name="lie_frame_of_4_GiB", lie="huge_frame", stop="crash"),
    dict(name="lie_unknown_frame", lie="unknown_frame", stop="crash"),
    dict(name="lie_frame_of_the_monitor", lie="echo", stop="crash"),
    dict(name="lie_replayed_answer", lie="twice", stop="exit"),
    dict(name="lie_replayed_ready", lie="ready_again", stop="crash"),
    dict(name="lie_claims_a_cancel", lie="claims_cancel", stop="crash"),
    dict(name="lie_claims_a_crash", lie="claims_crash", stop="crash"),
    dict(name="lie_used_too_much", lie="greedy", stop="exit"),
    dict(name="lie_touched_outside", lie="relative_path", stop="crash"),
    dict(name="lie_third_stream", lie="third_stream", stop="crash"),
    dict(name="lie_floods_output", lie="flood", stop="crash"),
    dict(name="lie_escapes_in_detail", lie="escapes", stop="exit"),
    dict(name="lie_silent", lie="silent", stop="timeout"),
    dict(name="lie_no_jail", lie="no_jail", stop=None),
]
