//! Nothing of ours: hands the C symbols of the engine through to one static library.
pub use wasmtime_c_api::*;
