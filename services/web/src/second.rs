//! Whether somebody is a second person: what takes two is not to be done by one.

use chrono::{DateTime, Utc};
use eventlog::Owner;
use sqlx::PgConnection;

/// Whether whoever logs in by `login` may agree to what was `proposed` at a school or trust by another, and when. Not if both may be
/// one person: known as the same, or let in there by one another; nor if the login was first linked to anybody there since, for
/// it may have been for this.
///
/// It is asked of the view of people, which says the roles too that let anybody agree at all.
pub async fn may_agree(
    connection: &mut PgConnection,
    owner: Owner,
    login: &str,
    (proposed_by, proposed_at): (&str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let may = sqlx::query_scalar!(
        r#"SELECT published.may_agree($1, $2, $3, $4) AS "may!""#,
        owner.id(),
        login,
        proposed_by,
        proposed_at,
    );
    may.fetch_one(connection).await
}
