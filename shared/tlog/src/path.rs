//! Where tiles and bundles are, under a log's prefix or in its folder (C2SP tlog-tiles).

use std::{fmt, str::FromStr};

use crate::tile::{Bundle, Tile, WIDTH};

/// The path of the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// The path of the log's verifier key.
pub const VKEY: &str = "vkey";

/// Where an export keeps the signed checkpoint of each day.
pub const ROOTS: &str = "roots";

/// The path of the checkpoint that was exported on a day, `YYYY-MM-DD`.
pub fn root(date: &str) -> String {
    format!("{ROOTS}/{date}")
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Hashes of the tree.
    Tile(Tile),
    /// Entries.
    Bundle(Bundle),
}

impl Tile {
    /// Its path, like `tile/0/x001/x234/067` or, when partial, `tile/0/x001/x234/067.p/12`.
    pub fn path(self) -> String {
        Resource::Tile(self).to_string()
    }
}

impl Bundle {
    /// Its path, like `tile/entries/x001/x234/067` or, when partial, `tile/entries/x001/x234/067.p/12`.
    pub fn path(self) -> String {
        Resource::Bundle(self).to_string()
    }
}

impl Resource {
    /// The same with all its 256 hashes or entries.
    #[must_use]
    pub const fn full(self) -> Self {
        match self {
            Self::Tile(tile) => Self::Tile(tile.full()),
            Self::Bundle(bundle) => Self::Bundle(bundle.full()),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Tile(tile) => {
                write!(f, "tile/{}/", tile.level())?;
                (tile.index(), tile.width())
            }
            Self::Bundle(bundle) => {
                f.write_str("tile/entries/")?;
                (bundle.index(), bundle.width())
            }
        };
        write_index(index, f)?;
        if width < WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

/// Groups of three digits; all but the last start with `x`, so that no file is called like a folder.
fn write_index(index: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let groups = index.checked_ilog(1000).unwrap_or(0);
    for group in (1..=groups).rev() {
        write!(f, "x{:03}/", index / 1000_u64.pow(group) % 1000)?;
    }
    write!(f, "{:03}", index % 1000)
}

/// The text is no path of a tile or bundle, or not the one spelling of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the path of a tile or of entries, like tile/0/x001/234 or tile/entries/000.p/12")]
pub struct ParsePathError;

impl FromStr for Resource {
    type Err = ParsePathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let resource = parse(path).ok_or(ParsePathError)?;
        // Numbers have many spellings, and a resource one path.
        if resource.to_string() == path { Ok(resource) } else { Err(ParsePathError) }
    }
}

/// Reads any spelling of the numbers.
fn parse(path: &str) -> Option<Resource> {
    let (kind, place) = path.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match place.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (place, WIDTH),
    };
    let mut number = 0_u64;
    for group in index.split('/') {
        let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        number = number.checked_mul(1000)?.checked_add(digits)?;
    }
    if kind == "entries" {
        return Bundle::new(number, width).map(Resource::Bundle);
    }
    Tile::new(kind.parse().ok()?, number, width).map(Resource::Tile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |level, index, width| Tile::new(level, index, width).unwrap().path();
        assert_eq!(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(0, 1_234_067, 12), "tile/0/x001/x234/067.p/12");
        assert_eq!(tile(63, 0, 1), "tile/63/000.p/1");
        assert_eq!(tile(1, 1000, 256), "tile/1/x001/000");
        assert_eq!(Bundle::new(999, 256).unwrap().path(), "tile/entries/999");
        assert_eq!(Bundle::new(273, 112).unwrap().path(), "tile/entries/273.p/112");
        let last = Bundle::new(u64::MAX, 255).unwrap();
        assert_eq!(last.path(), "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255");
        assert_eq!(last.path().parse(), Ok(Resource::Bundle(last)));
    }

    #[test]
    fn a_resource_has_one_path() {
        for wrong in [
            "",
            "checkpoint",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/000",
            "tile/0/000/000",
            "tile/0/x001/x000",
            "tile/0/x1/000",
            "tile/0/xx01/000",
            "tile/00/000",
            "tile/+1/000",
            "tile/-0/000",
            "tile/64/000",
            "tile/256/000",
            "tile/0/+01",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/000.p",
            "tile/0/000/",
            "/tile/0/000",
            "tile//0/000",
            "tile/0/../0/000",
            "tile/entries/x018/x446/x744/x073/x709/x551/616",
            "tile/entries/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/Entries/000",
            "tile/entries/٠٠٠",
        ] {
            assert_eq!(wrong.parse::<Resource>(), Err(ParsePathError), "{wrong}");
        }
    }
}
