//! What can be commanded of filter events, on the internal listener.

mod opening;

use ::web::command::{Service, endpoint::take};
use actix_web::web::{Data, ServiceConfig};

pub use opening::{OpenFlaggedEvents, Opened, OpeningRefusal};

/// The service's name: the audience of the tokens that it believes.
pub const SERVICE: &str = "filtering";

/// Mounts the commands; `service` has a pool of the role `Filtering`.
pub fn routes(cfg: &mut ServiceConfig, service: Service) {
    take::<OpenFlaggedEvents>(cfg, &Data::new(service));
}
