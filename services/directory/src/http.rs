//! The directory's commands, on the internal listener.

use ::web::command::{Service, endpoint::take};
use actix_web::web::{Data, ServiceConfig};

use crate::commands::{
    AmendPerson, Appoint, ChangeLogin, ConfirmForgetting, DiscloseRecord, EndAppointment, IssueKey, LiftHold,
    NameSubstitutes, PlaceHold, ProposeForgetting, ReadIdentities, RecordLeaving, RecordPerson, Recuse, RegisterSource,
    RevokeKey, WithdrawForgetting,
};

/// The service's name: the audience of the tokens that it believes.
pub const SERVICE: &str = "directory";

/// Mounts the commands; `service` has a pool of the role `Directory`.
pub fn routes(cfg: &mut ServiceConfig, service: Service) {
    let service = Data::new(service);
    take::<RegisterSource>(cfg, &service);
    take::<IssueKey>(cfg, &service);
    take::<RevokeKey>(cfg, &service);
    take::<RecordPerson>(cfg, &service);
    take::<AmendPerson>(cfg, &service);
    take::<ChangeLogin>(cfg, &service);
    take::<RecordLeaving>(cfg, &service);
    take::<PlaceHold>(cfg, &service);
    take::<LiftHold>(cfg, &service);
    take::<ProposeForgetting>(cfg, &service);
    take::<WithdrawForgetting>(cfg, &service);
    take::<ConfirmForgetting>(cfg, &service);
    take::<Appoint>(cfg, &service);
    take::<EndAppointment>(cfg, &service);
    take::<NameSubstitutes>(cfg, &service);
    take::<ReadIdentities>(cfg, &service);
    take::<DiscloseRecord>(cfg, &service);
    take::<Recuse>(cfg, &service);
}
