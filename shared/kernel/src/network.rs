//! Where a client comes from.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Where a client comes from, as far as it can be told apart from its neighbours: an IPv4 address, or the /64 that
/// an IPv6 subscriber is given whole (RFC 6177, RFC 8981). It is personal data, like the address it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// One address.
    V4(Ipv4Addr),
    /// The first address of a /64.
    V6(Ipv6Addr),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        // `::ffff:a.b.c.d` is how a dual-stack socket writes an IPv4 peer (RFC 4291 §2.5.5.2).
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_network_is_an_address_or_a_64() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(Network::from(parsed).to_string(), network, "{address}");
        }
    }

    proptest! {
        #[test]
        fn one_subscriber_is_one_network(prefix: u64, a: u64, b: u64) {
            // Mapped IPv4 addresses are the one exception, and they have a prefix of zero.
            prop_assume!(prefix != 0);
            let of = |host: u64| {
                let bits = (u128::from(prefix) << 64) | u128::from(host);
                Network::from(IpAddr::V6(Ipv6Addr::from_bits(bits)))
            };
            prop_assert_eq!(of(a), of(b));
        }
    }
}
