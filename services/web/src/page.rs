//! Pages that people read who ask what is held about them: HTML in itself, that loads nothing.

use maud::{DOCTYPE, Markup, html};

/// A page with one heading.
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                title { (title) }
            }
            body {
                h1 { (title) }
                (body)
            }
        }
    };
    page.into_string()
}

/// What is to be said of what is on a page (UK GDPR Art. 15(1)), each as it stands after its name and a colon.
#[derive(Debug, Clone, Copy)]
pub struct Particulars {
    /// What it is held for.
    pub purpose: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Who is shown it.
    pub recipients: &'static str,
    /// For how long it is kept.
    pub kept: &'static str,
}

/// What is to be said of what is on the page, and what the person may ask for. Whoever is not content may complain to the controller
/// too, who acknowledges it within 30 days (Data Protection Act 2018, section 164A).
pub fn rights(of: &Particulars) -> Markup {
    html! {
        h2 { "What this is, and what you may ask for" }
        ul {
            li { "What it is held for: " (of.purpose) "." }
            li { "Where it comes from: " (of.source) "." }
            li { "Who is shown it: " (of.recipients) "." }
            li { "For how long it is kept: " (of.kept) "." }
            li { "No decision that has legal or similar effects for you is made by a machine alone." }
        }
        p {
            "You may ask for what is wrong to be put right, for it to be erased or its use restricted, and you may object to its use \
            (UK GDPR Articles 16 to 18 and 21). If you are not content with the answer you may complain to whoever gave you \
            this page, who acknowledges it within 30 days (Data Protection Act 2018, section 164A), and to the Information \
            Commissioner (UK GDPR Article 77)."
        }
    }
}
