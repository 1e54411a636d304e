//! The directory's commands, on the internal listener.

use ::web::command::{Service, endpoint::take};
use actix_web::web::{Data, ServiceConfig};

use crate::commands::{IssueKey, RegisterSource, RevokeKey};

/// The service's name: the audience of the tokens that it believes.
pub const SERVICE: &str = "directory";

/// Mounts the commands; `service` has a pool of the role `Directory`.
pub fn routes(cfg: &mut ServiceConfig, service: Service) {
    let service = Data::new(service);
    take::<RegisterSource>(cfg, &service);
    take::<IssueKey>(cfg, &service);
    take::<RevokeKey>(cfg, &service);
}
