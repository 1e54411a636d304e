//! e2guardian's own log: `logfileformat` 5 to 8, separated by tabs.
//!
//! Columns: time, server (blank in 6 and 8), user, client address, client host, URL, method, HTTP status, bytes, MIME
//! type, user agent, unused, duration, unused, message number, message, weight, categories, filter group, its number;
//! 7 and 8 add more, which are passed over. The message may be translated, so its number decides, and for a list
//! that has none (0) or one of the school's own, the message and the status together.
//!
//! As seen of e2guardian 5.3.5 itself: it writes status 403 for a page that it denied, whatever it told the browser, and
//! for one that the network failed (`*NETERROR*`); an origin's own 403 has number 0 and no message; in stealth mode
//! (`reportinglevel = -1`) a page that would be denied is let through with its number and the origin's status; and a page
//! reached by the block page's bypass link has number 0 and `*TRUSTED* -`, as other pages have, and counts as allowed.

use std::borrow::Cow;

use schema::{Action, UserGroup};

use super::{client, epoch, is_comment, present, whole};
use crate::{FilterEvent, Refusal, host_of};

/// Reads one line.
pub fn parse(line: &str) -> Result<Option<FilterEvent<'_>>, Refusal> {
    if is_comment(line) {
        return Ok(None);
    }
    let mut columns = [""; 20];
    let mut found = 0;
    for (column, text) in columns.iter_mut().zip(line.trim_end_matches(['\r', '\n']).split('\t')) {
        *column = text;
        found += 1;
    }
    if found < columns.len() {
        return Err(Refusal::new("line", "expected the twenty columns of e2guardian's formats 5 to 8"));
    }
    let [time, _, user, from, name, url, _, status, _, _, _, _, _, _, number, message, _, categories, group, _] =
        columns;
    let (address, named) = client(from);
    let action = action(number, message, status)?;
    let policy = present(group).filter(|_| action != Action::AuthChallenge);
    Ok(Some(FilterEvent {
        id: None,
        time: epoch(time)?,
        action,
        host: host_of(url).ok_or(Refusal::new("url", "expected a URL with a host"))?,
        url: Some(whole(url)),
        search: None,
        labels: categories.split(',').filter_map(present).map(Cow::Borrowed).collect(),
        user: present(user).map(Cow::Borrowed),
        group: policy.map_or(UserGroup::Unknown, user_group),
        // Without a name for the client its address stands here again.
        device: client(name).1.or(named),
        address,
        policy: policy.map(Cow::Borrowed),
    }))
}

/// What e2guardian did.
fn action(number: &str, message: &str, status: &str) -> Result<Action, Refusal> {
    let wrong = Refusal::new("action", "expected a message number and an HTTP status");
    let number: u16 = present(number).map_or(Ok(0), str::parse).map_err(|_| wrong.clone())?;
    let status: u16 = present(status).map_or(Ok(0), str::parse).map_err(|_| wrong)?;
    Ok(match (reason(number), status) {
        (_, 407) => Action::AuthChallenge,
        (Reason::Denial, 0 | 403) => Action::Blocked,
        (Reason::Denial | Reason::Unknown, _) if message.contains("*DENIED") => Action::Blocked,
        (Reason::Denial, _) => Action::Captured,
        (Reason::Bypass, _) => Action::Overridden,
        (Reason::Unknown, 403) if is_translated_denial(message) => Action::Blocked,
        (Reason::Unknown | Reason::Exception | Reason::Network, _) => Action::Allowed,
    })
}

/// What a message number says, by the numbering of e2guardian's `messages` files.
enum Reason {
    /// Nothing matched, or a list that the school gave no number or one of its own.
    Unknown,
    /// A list, a limit or a scanner forbade it.
    Denial,
    /// A list permitted it.
    Exception,
    /// A person followed the block page's link past it, or had done so within the time that the link buys.
    Bypass,
    /// Nobody forbade it, but it could not be reached or trusted.
    Network,
}

fn reason(number: u16) -> Reason {
    match number {
        // 150 to 160: certificates and tunnels; 200 to 211: names, time-outs, upstream proxies.
        150..=160 | 200..=211 => Reason::Network,
        606 | 607 => Reason::Bypass,
        // 456, 457: a permitted search; 608: the download manager hands over what it has scanned.
        456 | 457 | 600..=663 => Reason::Exception,
        10 | 100..=121 | 300..=599 | 700..=999 | 1100 | 1101 => Reason::Denial,
        _ => Reason::Unknown,
    }
}

/// Whether a message opens with a mark such as `*GEBLOKKEERD*` that is none of those for what went through.
fn is_translated_denial(message: &str) -> bool {
    const THROUGH: [&str; 7] = ["TRUSTED", "SCANNED", "CONTENTMOD", "URLMOD", "HEADERMOD", "HEADERADD", "NETERROR"];
    let mark = message.trim_ascii_start().strip_prefix('*').and_then(|rest| rest.split_once('*'));
    mark.is_some_and(|(word, _)| !THROUGH.contains(&word))
}

/// Whose group a filter group is: only where its whole name says so, for "not staff" has the word in it too.
fn user_group(name: &str) -> UserGroup {
    const NAMES: [(UserGroup, &[&str]); 3] = [
        (UserGroup::Learner, &["learner", "learners", "pupil", "pupils", "student", "students"]),
        (UserGroup::Staff, &["staff", "teacher", "teachers"]),
        (UserGroup::Guest, &["guest", "guests", "visitor", "visitors"]),
    ];
    let says = |names: &[&str]| names.iter().any(|plain| plain.eq_ignore_ascii_case(name));
    NAMES.into_iter().find(|(_, names)| says(names)).map_or(UserGroup::Unknown, |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(line: &str) -> FilterEvent<'_> {
        parse(line).unwrap().unwrap()
    }

    fn line(status: &str, number: &str, message: &str, categories: &str, group: &str) -> String {
        format!(
            "1795346670.982\t\tjsmith\t10.0.0.7\t10.0.0.7\thttps://a.test:443\tCONNECT\t{status}\t0\t-\t-\t-\t0\t-\t\
             {number}\t{message}\t0\t{categories}\t{group}\t1"
        )
    }

    #[test]
    fn real_lines_are_read() {
        let events: Vec<_> =
            include_str!("../../tests/data/logs/e2guardian_format6_local.log").lines().map(event).collect();
        let seen: Vec<_> = events.iter().map(|e| (e.action, &*e.host, e.labels.join("|"))).collect();
        assert_eq!(
            seen,
            [
                (Action::Allowed, "127.0.0.1", String::new()),
                (Action::Blocked, "blocked.test", "Banned Sites".to_owned()),
                (Action::Blocked, "blocked.test", "Banned Sites".to_owned()),
            ]
        );
        assert!(events.iter().all(|e| e.user.is_none() && e.device.is_none() && e.group == UserGroup::Unknown));
        assert_eq!(events[0].policy.as_deref(), Some("no_name_group"));
    }

    /// Status, number and message as e2guardian 5.3.5 wrote them for real requests, but for those marked.
    #[test]
    fn the_number_tells_a_block_from_everything_else() {
        for (status, number, message, action) in [
            ("200", "0", "", Action::Allowed),
            ("403", "500", "*DENIED* Blocked site: a.test", Action::Blocked),
            ("200", "500", "Blocked site: a.test", Action::Captured),
            ("200", "602", "*TRUSTED* Site match: a.test", Action::Allowed),
            ("403", "0", "", Action::Allowed),
            ("407", "0", "*TRUSTED* -", Action::AuthChallenge),
            ("403", "0", "*DENIED* Message number absentword", Action::Blocked),
            ("403", "202", "*NETERROR* Unable to connect to upstream proxy (network error)", Action::Allowed),
            ("200", "0", "*TRUSTED* -", Action::Allowed),
            // From the numbering, in its own words:
            ("403", "500", "-", Action::Blocked),
            ("403", "1100", "*INFECTED* *DENIED* Virus or bad content detected.", Action::Blocked),
            ("200", "607", "*TRUSTED* Bypass cookie.", Action::Overridden),
            ("200", "606", "*TRUSTED* Bypass URL.", Action::Overridden),
            // Translated:
            ("403", "500", "*GEBLOKKEERD* Geblokkeerde site: a.test", Action::Blocked),
            ("403", "0", "*GEBLOKKEERD* woord", Action::Blocked),
            ("403", "0", "*URLMOD* ", Action::Allowed),
            // A number of the school's own:
            ("403", "1500", "*DENIED* Not in lessons: a.test", Action::Blocked),
            ("200", "1501", "*TRUSTED* Ours: a.test", Action::Allowed),
        ] {
            let line = line(status, number, message, "-", "f1");
            assert_eq!(event(&line).action, action, "{status} {number} {message}");
        }
    }

    #[test]
    fn categories_are_separated_by_commas() {
        let line = line("403", "402", "*DENIED* 120", "Pornography, Adult,, -", "f1");
        assert_eq!(event(&line).labels, ["Pornography", "Adult"]);
    }

    #[test]
    fn a_filter_group_is_a_user_group_only_where_it_says_so_plainly() {
        for (name, group) in [
            ("Students", UserGroup::Learner),
            ("staff", UserGroup::Staff),
            ("Guests", UserGroup::Guest),
            ("not staff", UserGroup::Unknown),
            ("Staff and students", UserGroup::Unknown),
            ("f1", UserGroup::Unknown),
        ] {
            let line = line("200", "0", "", "-", name);
            assert_eq!((event(&line).group, event(&line).policy.as_deref()), (group, Some(name)));
        }
    }

    #[test]
    fn later_formats_add_a_server_and_columns_at_the_end() {
        let line = line("200", "0", "", "-", "f1").replacen("\t\t", "\tproxy-1\t", 1) + "\tsearch words\tGBYPASS\r\n";
        let event = event(&line);
        assert_eq!((event.user.as_deref(), &*event.host), (Some("jsmith"), "a.test"));
    }

    #[test]
    fn what_is_no_e2guardian_line_is_refused_by_field() {
        assert_eq!(parse("1795346670.982\t\t-\t10.0.0.7").unwrap_err().field, "line");
        assert_eq!(parse(&line("200", "none", "", "-", "f1")).unwrap_err().field, "action");
        assert_eq!(parse(&line("200", "0", "", "-", "f1").replace("17953", "x")).unwrap_err().field, "time");
        assert_eq!(parse(&line("200", "0", "", "-", "f1").replace("https://a.test:443", "-/")).ok(), None);
    }
}
