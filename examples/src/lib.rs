//! Complete small programs that embed `isems-core`: see the folder `examples`.
