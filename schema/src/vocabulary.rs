//! The closed vocabularies that every school is compared on.

/// A word that is not of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of: {expected}")]
pub struct UnknownWord {
    /// The vocabulary, comma-separated.
    pub expected: &'static str,
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as written in files, tables and answers.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::vocabulary::UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::vocabulary::UnknownWord { expected: $crate::vocabulary::vocabulary!(@list $($word),+) }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
    (@list $first:literal $(, $rest:literal)*) => { concat!($first $(, ", ", $rest)*) };
}

pub(crate) use vocabulary;

vocabulary!(
    /// What the filter did with a request (R029, R197: attempts that were blocked are counted too).
    Action {
        /// Let through.
        Allowed = "allowed",
        /// Refused.
        Blocked = "blocked",
        /// Shown a warning page first.
        Warned = "warned",
        /// Let through by a person's override.
        Overridden = "overridden",
        /// Let through, and captured for monitoring.
        Captured = "captured",
        /// Asked to authenticate (HTTP 407): neither an access nor a block.
        AuthChallenge = "auth_challenge",
    }
);

vocabulary!(
    /// Whose request it was (R194).
    UserGroup {
        /// A pupil.
        Learner = "learner",
        /// An employee, governor, contractor or volunteer.
        Staff = "staff",
        /// A visitor.
        Guest = "guest",
        /// The filter did not say.
        Unknown = "unknown",
    }
);

vocabulary!(
    /// The canonical categories, the gravest first: of an event's several categories the first in this order counts.
    Category {
        /// Indecent images of children, as on the IWF's list (R179).
        CsamIllegal = "csam-illegal",
        /// Unlawful terrorist content, as on the police-assessed list (R179).
        TerrorismIllegal = "terrorism-illegal",
        /// Contact by somebody who means a child harm.
        GroomingContact = "grooming-contact",
        /// Self-harm, suicide, eating disorders.
        SelfHarmSuicide = "self-harm-suicide",
        /// Radicalisation and extremism.
        Extremism = "extremism",
        /// Sexual content.
        Pornography = "pornography",
        /// Violence, gore, weapons.
        ViolenceWeapons = "violence-weapons",
        /// Bullying, hate, intolerance.
        BullyingHate = "bullying-hate",
        /// Illegal drugs, alcohol, tobacco and their promotion.
        Drugs = "drugs",
        /// Proxies, VPNs and other ways round the filter (R198).
        ProxyBypass = "proxy-bypass",
        /// Scams, phishing, malware.
        ScamsPhishingMalware = "scams-phishing-malware",
        /// Gambling.
        Gambling = "gambling",
        /// Misinformation, disinformation, conspiracy theories.
        Misinformation = "misinformation",
        /// Copyright theft and file sharing.
        Piracy = "piracy",
        /// Social networks.
        Social = "social",
        /// Chat and mail.
        ChatMail = "chat-mail",
        /// Games.
        Games = "games",
        /// Video and audio streaming.
        Streaming = "streaming",
        /// Shopping.
        Shopping = "shopping",
        /// Advertising and tracking.
        AdvertsTracking = "adverts-tracking",
        /// News.
        News = "news",
        /// Search engines.
        Search = "search",
        /// Education and reference.
        Education = "education",
        /// A known category of no concern that has no word here.
        Other = "other",
        /// No category was sent, or none that is mapped.
        Uncategorised = "uncategorised",
    }
);

vocabulary!(
    /// The four Cs of online risk (KCSIE; Balfour §1).
    RiskArea {
        /// Exposed to harmful content.
        Content = "content",
        /// Subjected to harmful contact.
        Contact = "contact",
        /// Own behaviour that causes harm.
        Conduct = "conduct",
        /// Scams, gambling, advertising.
        Commerce = "commerce",
    }
);

vocabulary!(
    /// How a source's category labels are to be read; each has a file in `schema/categories`.
    Vocabulary {
        /// The canonical words themselves, and the plain English names that most products use.
        General = "general",
        /// The UT1 lists of Université Toulouse Capitole.
        Ut1 = "ut1",
        /// e2guardian's list categories.
        E2guardian = "e2guardian",
    }
);

impl Category {
    /// Whether one event of this category already calls for a person's attention.
    pub const fn is_high_concern(self) -> bool {
        matches!(
            self,
            Self::CsamIllegal
                | Self::TerrorismIllegal
                | Self::Extremism
                | Self::SelfHarmSuicide
                | Self::GroomingContact
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for &category in Category::ALL {
            assert_eq!(category.as_str().parse(), Ok(category));
        }
        for &action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
        }
    }

    #[test]
    fn five_categories_are_of_high_concern() {
        let high: Vec<_> = Category::ALL.iter().filter(|c| c.is_high_concern()).map(|c| c.as_str()).collect();
        assert_eq!(high, ["csam-illegal", "terrorism-illegal", "grooming-contact", "self-harm-suicide", "extremism"]);
    }
}
