//! What measures and what breaks a server have in common: a connection that costs little, signed calls, reviews as
//! kube-apiserver sends them, a program that ends with whoever started it.

pub mod api;
pub mod http;
pub mod process;
pub mod review;
