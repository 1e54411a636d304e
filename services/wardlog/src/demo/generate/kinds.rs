//! What is browsed: per canonical category how often, where, under which labels, and what a filter does about it.

use schema::Category;

/// One kind of request.
#[derive(Debug)]
pub(super) struct Kind {
    /// The canonical category that the labels mean.
    pub(super) category: Category,
    /// How many of 100,000 requests are of this kind.
    pub(super) weight: u32,
    /// In percent: blocked, warned of, captured; what is left is allowed.
    pub(super) done: [u32; 3],
    /// The labels of which a filter sends one.
    pub(super) labels: &'static [&'static str],
    /// The hosts; those of concern are under `.example`, which names nobody (RFC 2606).
    pub(super) hosts: &'static [&'static str],
}

/// Labels that a filter sends beside another one; both mean no concern, and the last means nothing to Wardlog.
pub(super) const BESIDE: [&str; 3] = ["Entertainment", "Computers and Internet", "Model Railways"];

/// Labels that no vocabulary knows.
pub(super) const UNMAPPED: [&str; 4] = ["Knitting", "Beekeeping", "Model Railways", "Morris Dancing"];

const fn kind(
    category: Category,
    weight: u32,
    done: [u32; 3],
    labels: &'static [&'static str],
    hosts: &'static [&'static str],
) -> Kind {
    Kind { category, weight, done, labels, hosts }
}

/// All kinds, the gravest first.
#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    kind(Category::CsamIllegal, 6, [100, 0, 0], &["csam-illegal", "IWF", "Child Abuse Images"], &["listed-1.example", "listed-2.example"]),
    kind(Category::TerrorismIllegal, 8, [100, 0, 0], &["terrorism-illegal", "CTIRU", "Unlawful Terrorist Content"], &["listed-3.example"]),
    kind(Category::GroomingContact, 40, [85, 0, 15], &["grooming-contact", "Grooming", "Predatory Contact"], &["meet-a-stranger.example", "private-cam-chat.example"]),
    kind(Category::SelfHarmSuicide, 140, [80, 5, 15], &["self-harm-suicide", "Self-harm", "SUICIDE", "Pro-Ana"], &["no-way-out.example", "thin-diary.example", "hurting.example"]),
    kind(Category::Extremism, 80, [85, 5, 10], &["extremism", "Extremist Groups", "Radicalisation"], &["our-fight.example", "the-cause.example"]),
    kind(Category::Pornography, 260, [97, 0, 1], &["pornography", "Adult Content", "Sexually Explicit", "nudity"], &["adults-1.example", "adults-2.example", "adults-3.example"]),
    kind(Category::ViolenceWeapons, 150, [80, 10, 2], &["violence-weapons", "Weapons", "Gore", "Violence"], &["blades.example", "fight-clips.example"]),
    kind(Category::BullyingHate, 90, [75, 10, 10], &["bullying-hate", "Hate Speech", "Cyberbullying"], &["rate-your-classmate.example", "hate-board.example"]),
    kind(Category::Drugs, 110, [80, 10, 2], &["drugs", "Vaping", "Illegal Drugs", "Alcohol and Tobacco"], &["cheap-vapes.example", "highs.example"]),
    kind(Category::ProxyBypass, 300, [95, 0, 2], &["proxy-bypass", "Proxy Avoidance", "VPN", "Anonymizers"], &["free-vpn.example", "unblock-school.example", "web-proxy.example"]),
    kind(Category::ScamsPhishingMalware, 160, [96, 3, 0], &["scams-phishing-malware", "Phishing", "Malware", "Newly Registered Domains"], &["you-have-won.example", "parcel-fee.example"]),
    kind(Category::Gambling, 180, [92, 3, 0], &["gambling", "Gambling", "Betting", "Loot Boxes"], &["bets.example", "skins-casino.example"]),
    kind(Category::Misinformation, 70, [40, 40, 0], &["misinformation", "Conspiracy Theories", "Fake News"], &["the-hidden-truth.example"]),
    kind(Category::Piracy, 130, [90, 5, 0], &["piracy", "Peer-to-peer", "Illegal Downloads", "Torrents"], &["films-for-nothing.example", "torrents.example"]),
    kind(Category::Social, 4_200, [55, 5, 0], &["social", "Social Networking", "Forums"], &["www.instagram.com", "www.tiktok.com", "www.reddit.com"]),
    kind(Category::ChatMail, 5_000, [10, 0, 0], &["chat-mail", "Web-based Email", "Instant Messaging"], &["outlook.office.com", "mail.google.com", "discord.com"]),
    kind(Category::Games, 4_800, [45, 5, 0], &["games", "Online Games", "GAMES"], &["www.roblox.com", "www.coolmathgames.com", "poki.com"]),
    kind(Category::Streaming, 7_500, [12, 0, 0], &["streaming", "Streaming Media", "Internet Radio"], &["www.youtube.com", "i.ytimg.com", "open.spotify.com"]),
    kind(Category::Shopping, 1_800, [8, 4, 0], &["shopping", "Online Shopping", "Auctions"], &["www.amazon.co.uk", "www.ebay.co.uk", "www.vinted.co.uk"]),
    kind(Category::AdvertsTracking, 8_000, [70, 0, 0], &["adverts-tracking", "Web Advertisements", "Trackers"], &["ads.example", "pixel.example", "metrics.example"]),
    kind(Category::News, 3_000, [1, 0, 0], &["news", "News and Media", "Newspapers"], &["www.bbc.co.uk", "www.theguardian.com", "news.sky.com"]),
    kind(Category::Search, 21_000, [0, 0, 0], &["search", "Search Engines", "Search Engines and Portals"], &["www.google.com", "www.bing.com", "duckduckgo.com"]),
    kind(Category::Education, 30_000, [0, 0, 0], &["education", "Education and Reference", "Educational Institutions", "Museums"], &["sparxmaths.uk", "classroom.google.com", "www.bbc.co.uk", "en.wikipedia.org", "senecalearning.com", "www.purplemash.com"]),
    kind(Category::Other, 10_000, [1, 0, 0], &["other", "Business", "Sports", "Government"], &["www.gov.uk", "fonts.gstatic.com", "www.premierleague.com"]),
    kind(Category::Uncategorised, 2_600, [4, 4, 0], &[], &["tiny-blog.example", "pta-fair.example", "new-site.example"]),
];

#[cfg(test)]
mod tests {
    use schema::{Vocabulary, categories::CategoryMap};

    use super::*;

    #[test]
    fn there_is_a_kind_of_every_category_and_its_labels_mean_that_category() {
        assert_eq!(KINDS.iter().map(|kind| kind.category).collect::<Vec<_>>(), Category::ALL);
        let meaning = |label| CategoryMap::bundled().category(Vocabulary::General, label);
        for kind in KINDS {
            for label in kind.labels {
                assert_eq!(meaning(label), Some(kind.category), "{label}");
            }
        }
        for label in UNMAPPED {
            assert_eq!(meaning(label), None, "{label}");
        }
        for label in BESIDE {
            assert!(matches!(meaning(label), None | Some(Category::Other)), "{label}");
        }
    }

    #[test]
    fn a_filter_does_one_thing_about_a_request_and_hosts_of_concern_are_nobodys() {
        for kind in KINDS {
            assert!(kind.done.iter().sum::<u32>() <= 100, "{}", kind.category);
            assert!(!kind.hosts.is_empty());
            if CategoryMap::bundled().risk_area(kind.category).is_some() {
                assert!(kind.hosts.iter().all(|host| host.ends_with(".example")), "{}", kind.category);
            }
        }
    }
}
