//! What can be commanded of filter events, on the internal listener.

mod disclosure;
mod forgetting;
mod opening;

use ::web::command::{Service, endpoint::take};
use actix_web::web::{Data, ServiceConfig};

pub use disclosure::{Called, DiscloseName, DisclosureRefusal};
pub use forgetting::{
    ConfirmForgetting, ForgettingRefusal, LiftHold, Named, PlaceHold, ProposeForgetting, WithdrawForgetting,
    destroy_left_over, give_up,
};
pub use opening::{OpenFlaggedEvents, Opened, OpeningRefusal};

/// The service's name: the audience of the tokens that it believes.
pub const SERVICE: &str = "filtering";

/// Mounts the commands; `service` has a pool of the role `Filtering`.
pub fn routes(cfg: &mut ServiceConfig, service: Service) {
    let service = Data::new(service);
    take::<OpenFlaggedEvents>(cfg, &service);
    take::<ProposeForgetting>(cfg, &service);
    take::<ConfirmForgetting>(cfg, &service);
    take::<WithdrawForgetting>(cfg, &service);
    take::<PlaceHold>(cfg, &service);
    take::<LiftHold>(cfg, &service);
    take::<DiscloseName>(cfg, &service);
}
