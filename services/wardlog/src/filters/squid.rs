//! Squid's configuration: a deny list, a site that asks for a password, and one parent, which is the origin itself.

use std::{fmt::Write, path::PathBuf};

use anyhow::Result;

use super::place::Place;

/// The host at which the private Squid asks for a password, and which nobody has one for.
pub const ASKS_FOR_PASSWORD: &str = "password.test";

/// Writes the configuration and says where it is.
pub(super) fn configure(place: &Place, denied: &[(&str, &str)], origin: u16, port: u16) -> Result<PathBuf> {
    let mut list = String::new();
    for (domain, _) in denied {
        writeln!(list, ".{domain}")?;
    }
    let list = place.write("denied", &list)?;
    let passwords = place.write("passwords", "")?;
    place.write(
        "squid.conf",
        &format!(
            r#"http_port 127.0.0.1:{port}
visible_hostname localhost
pid_filename none
access_log stdio:{directory}/access.log squid
buffered_logs off
cache_log {directory}/cache.log
cache_store_log none
coredump_dir {directory}
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
auth_param basic program /usr/lib/squid/basic_ncsa_auth {passwords}
acl known proxy_auth REQUIRED
acl asks dstdomain -n {ASKS_FOR_PASSWORD}
acl denied dstdomain -n "{list}"
http_access deny asks !known
http_access deny denied
http_access allow localhost
http_access deny all
cache_peer 127.0.0.1 parent {origin} 0 originserver no-query no-digest no-netdb-exchange default
never_direct allow all
"#,
            directory = place.directory.display(),
            passwords = passwords.display(),
            list = list.display(),
        ),
    )
}
