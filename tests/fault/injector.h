/* What the allocation shim and the tracer say to each other: numbers of files that do not exist, given to close(). */
#pragma once

enum { INJECTOR_FIRED = -770001, INJECTOR_COUNTS = -770002 };
