//! What is held of whoever has a name, for them to read.

use maud::{Markup, html};
use web::page::{Particulars, rights};

use super::{DisclosedName, DisclosedRequest, NameDecision};

pub(super) fn page(disclosed: &DisclosedName) -> String {
    let called = disclosed.name.as_deref().unwrap_or("a name that was not kept");
    let body = html! {
        p {
            "Put together on " (disclosed.made_at.format("%-d %B %Y at %H:%M UTC")) " for whoever the school's filter knows as "
            (called) ". The filter sees every page that is asked for on the school's network; beside a page it lists the pictures, \
            scripts and advertisements that belong to it, which nobody asked for by hand. Where it knows a device or an address \
            alone, others who used that may have asked."
        }
        h2 { "What was asked for" }
        @if disclosed.requests.is_empty() { p { "Nothing is held of this time." } } @else { (requests(&disclosed.requests)) }
        @if let Some(at) = disclosed.continues_at {
            p { "There is more, from " (at.format("%-d %B %Y at %H:%M:%S UTC")) " on: ask for it." }
        }
        @if !disclosed.decisions.is_empty() {
            h2 { "What was decided, and when somebody was shown it" }
            (decisions(&disclosed.decisions))
        }
        p {
            "What was done for a matter that is kept from some is never listed here, nor whether what is held must be kept for an \
             inquiry or a claim, whether or not it is so: ask for it, and somebody decides."
        }
        (rights(&Particulars {
            purpose: "to keep children safe online, as the law asks of every school, and to see that the filter works",
            source: "the school's filter, which sees what is asked for on its network and devices",
            recipients: "those of the school's staff whose work it is to look: when, which host and what kind of page, without a name; \
                         who it was and the rest of the address, each time with a reason that is recorded; to anybody else numbers \
                         alone, in which nobody is known",
            kept: "what was asked for, for 90 days, and after that as numbers alone, in which nobody is known; the name until it is \
                   forgotten; that somebody was shown it, for as long as the school answers for who reads what",
        }))
    };
    web::page::page("What is held about you", &body)
}

fn requests(requests: &[DisclosedRequest]) -> Markup {
    html! {
        table {
            thead { tr { th { "When (UTC)" } th { "What" } th { "What the filter did" } th { "From" } } }
            tbody {
                @for request in requests {
                    tr {
                        td { (request.at.format("%Y-%m-%d %H:%M:%S")) }
                        td {
                            div { (request.url.as_ref().unwrap_or(&request.host)) }
                            @if let Some(search) = &request.search { div { "searched for: " (search) } }
                        }
                        td {
                            (request.action.replace('_', " ")) ": " (request.category)
                            @if !request.labels.is_empty() { div { "as the filter says: " (request.labels.join(", ")) } }
                            @if let Some(policy) = &request.policy { div { "by its policy: " (policy) } }
                        }
                        td { @for from in [&request.device, &request.address].into_iter().flatten() { div { (from) } } }
                    }
                }
            }
        }
    }
}

fn decisions(decisions: &[NameDecision]) -> Markup {
    html! {
        table {
            thead { tr { th { "When (UTC)" } th { "What" } th { "Why" } th { "To whom" } } }
            tbody {
                @for decision in decisions {
                    tr {
                        td { (decision.at.format("%Y-%m-%d %H:%M:%S")) }
                        td { (decision.event.replace('-', " ")) }
                        td { @if let Some(why) = &decision.why { (why.replace('-', " ")) } }
                        td { @for role in &decision.roles { div { (schema::people::StaffRole::from(*role).as_str().replace('-', " ")) } } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;
    use web::graphql::StaffRole;

    use super::*;

    #[test]
    fn what_somebody_searched_for_is_text_on_the_page_and_no_markup() {
        let at = DateTime::UNIX_EPOCH;
        let request = DisclosedRequest {
            at,
            source_id: Uuid::nil(),
            action: "auth_challenge".to_owned(),
            category: "search".to_owned(),
            labels: vec!["Search <Engines>".to_owned()],
            policy: Some("year 9 & 10".to_owned()),
            group: "learner".to_owned(),
            host: "a.example".to_owned(),
            url: Some("https://a.example/?q=<b>".to_owned()),
            search: Some("<script>alert(1)</script> & Co".to_owned()),
            device: Some("LT-204".to_owned()),
            address: None,
        };
        let decision = NameDecision {
            at,
            event: "flagged-events-opened".to_owned(),
            why: Some("filter-review".to_owned()),
            roles: vec![StaffRole::Dsl],
        };
        let disclosed = DisclosedName {
            pseudonym: "0".repeat(16),
            name: Some("<i>".to_owned()),
            made_at: at,
            requests: vec![request],
            continues_at: Some(at),
            decisions: vec![decision],
        };
        let page = page(&disclosed);
        for part in [
            "searched for: &lt;script&gt;alert(1)&lt;/script&gt; &amp; Co",
            "https://a.example/?q=&lt;b&gt;",
            "knows as &lt;i&gt;.",
            "auth challenge: search",
            "LT-204",
            "There is more",
            "flagged events opened",
            "filter review",
            "<div>dsl</div>",
            "as the filter says: Search &lt;Engines&gt;",
            "by its policy: year 9 &amp; 10",
            "kept: what was asked for, for 90 days",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
