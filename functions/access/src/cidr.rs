//! Where a key may be used from.

use std::str::FromStr;

use ipnet::IpNet;

/// A range of addresses (RFC 4632, RFC 4291 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr(pub(crate) IpNet);

impl FromStr for Cidr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range: Option<IpNet> = text.parse().ok();
        // 203.0.113.7/24 could mean the address or its neighbours: whoever wrote it has to say.
        let range = range.filter(|range| range.trunc() == *range);
        range
            .map(Self)
            .ok_or("must be a range of addresses without host bits, like 203.0.113.0/24 or 2001:db8::/32")
    }
}

kernel::text_input!(Cidr);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_without_host_bits() {
        for (text, is_right) in [
            ("203.0.113.0/24", true),
            ("203.0.113.7/32", true),
            ("0.0.0.0/0", true),
            ("2001:db8::/32", true),
            ("::1/128", true),
            ("203.0.113.7/24", false),
            ("203.0.113.7", false),
            ("203.0.113.0/33", false),
            ("2001:db8::1/32", false),
            ("", false),
            ("all", false),
        ] {
            assert_eq!(text.parse::<Cidr>().is_ok(), is_right, "{text}");
        }
    }
}
