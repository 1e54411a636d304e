//! Whether somebody is a second person: what takes two is not to be done by one.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Whether whoever logs in by `login` may agree to what was `proposed` by another, and when. Not if both may be one person: known as
/// the same, or let in by one another; nor if the login was first linked to anybody since, for it may have been for this.
///
/// It is asked of the view of people, which says the roles too that let anybody agree at all.
pub async fn may_agree(
    connection: &mut PgConnection,
    login: &str,
    (proposed_by, proposed_at): (&str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let may = sqlx::query_scalar!(
        r#"SELECT NOT published.may_be_one($1, $2) AND NOT published.is_new_since($1, $3) AS "may!""#,
        login,
        proposed_by,
        proposed_at,
    );
    may.fetch_one(connection).await
}
