// SPDX-License-Identifier: Apache-2.0

//! An SSH peer on russh, with the command line of examples/c/ssh_client and ssh_server.

mod client;
mod options;
mod relay;
mod server;
mod trust;

use options::{fail, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut words = std::env::args().skip(1);
    let role = words.next();
    let options = Options::parse(words);
    match role.as_deref() {
        // A thread that reads standard input does not end.
        Some("client") => std::process::exit(client::connect(options).await),
        Some("server") => server::serve(options).await,
        _ => fail("usage", "client or server?"),
    }
}
