//! Hands the C symbols of the engine through to one static library, and adds the things that its C face cannot do
//! (src/sandbox/engine_shim.h is the header):
//!   bx_store_limits    a limiter that tells afterwards what it refused and how large the memory was; the C face's own
//!                      limiter refuses in silence, so a guest that dies of it could not be told from one that traps
//!   bx_module_from_fd  native code mapped from an open, sealed file; the C face wants a path (there is no /proc in the
//!                      jail) or copies the bytes, so that pages would not be shared between workers
//!   bx_engine_new      an engine with a stack of more than 2 MiB, and an error instead of an abort when it cannot be made
pub use wasmtime_c_api::*;

use std::fs::File;
use std::mem::{align_of, size_of};
use std::os::fd::FromRawFd;
use wasmtime_c_api::wasmtime::{Config, Engine, Module, ResourceLimiter, Result, Store};

// The C face's types hold exactly one field each, but keep it to themselves. Should that change, this does not compile.
type Inner = Store<WasmtimeStoreData>;
const _: () = assert!(size_of::<wasmtime_store_t>() == size_of::<Inner>());
const _: () = assert!(size_of::<wasm_engine_t>() == size_of::<Engine>());
const _: () = assert!(size_of::<wasm_config_t>() == size_of::<Config>());
const _: () = assert!(size_of::<wasmtime_module_t>() == size_of::<Module>());
const _: () = assert!(align_of::<wasmtime_module_t>() == align_of::<Module>());

/// Owned by the caller, who keeps it in place for as long as the store lives.
#[repr(C)]
pub struct bx_limits {
    pub memory_max: u64,
    pub table_max: u64,
    pub instances_max: u32,
    pub tables_max: u32,
    pub memory_peak: u64,
    pub memory_refused: u64,
    pub table_refused: u64,
}

impl ResourceLimiter for bx_limits {
    // Ours first: for a table of the pool, `own` is the slot's size and not only what the module declares.
    fn memory_growing(&mut self, _current: usize, desired: usize, own: Option<usize>) -> Result<bool> {
        if desired as u64 > self.memory_max {
            self.memory_refused = self.memory_refused.max(desired as u64);
            return Ok(false);
        }
        if own.is_some_and(|own| desired > own) {
            return Ok(false);
        }
        self.memory_peak = self.memory_peak.max(desired as u64);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, own: Option<usize>) -> Result<bool> {
        if desired as u64 > self.table_max {
            self.table_refused = self.table_refused.max(desired as u64);
            return Ok(false);
        }
        Ok(own.is_none_or(|own| desired <= own))
    }

    fn instances(&self) -> usize {
        self.instances_max as usize
    }

    fn tables(&self) -> usize {
        self.tables_max as usize
    }

    fn memories(&self) -> usize {
        1
    }
}

struct Pointer(*mut bx_limits);
unsafe impl Send for Pointer {}
unsafe impl Sync for Pointer {}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn bx_store_limits(store: *mut wasmtime_store_t, limits: *mut bx_limits) {
    let inner = unsafe { &mut *store.cast::<Inner>() };
    let pointer = Pointer(limits);
    inner.limiter(move |_| {
        let whole = &pointer; // not only its field, which may not cross threads
        unsafe { &mut *whole.0 }
    });
}

/// fd is the caller's and stays open; the module keeps a duplicate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bx_module_from_fd(
    engine: *const wasm_engine_t,
    fd: i32,
    ret: *mut *mut wasmtime_module_t,
) -> Option<Box<wasmtime_error_t>> {
    let engine = unsafe { &*engine.cast::<Engine>() };
    let ours = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let module = match ours.try_clone() {
        Ok(file) => unsafe { Module::deserialize_open_file(engine, file) },
        Err(error) => Err(error.into()),
    };
    match module {
        Ok(module) => {
            unsafe { *ret = Box::into_raw(Box::new(module)).cast::<wasmtime_module_t>() };
            None
        }
        Err(error) => Some(Box::new(error.into())),
    }
}

/// Takes the config. The stack is the thread's own; the engine only wants to know of a larger one in two places.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bx_engine_new(
    config: *mut wasm_config_t,
    max_wasm_stack: usize,
    ret: *mut *mut wasm_engine_t,
) -> Option<Box<wasmtime_error_t>> {
    let mut config = unsafe { Box::from_raw(config.cast::<Config>()) };
    config.max_wasm_stack(max_wasm_stack);
    config.async_stack_size(max_wasm_stack + (1 << 20));
    match Engine::new(&config) {
        Ok(engine) => {
            unsafe { *ret = Box::into_raw(Box::new(engine)).cast::<wasm_engine_t>() };
            None
        }
        Err(error) => Some(Box::new(error.into())),
    }
}
