/* The prelude: an expression that is a function of (globalThis, std, os). It puts console, timers, std and os into the global object and
 * returns the function that shows a value as text. */
#pragma once

extern const char prelude_source[];
