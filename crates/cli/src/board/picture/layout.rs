//! Where things stand on the page: blocks beside one another as long as there is room, then in the next row.
//!
//! Sizes are in the picture's units. Text is set in a font whose letters are all as wide, so that its width is known here.

/// How something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It can go.
    Good,
    /// It can, if something is given up.
    Fair,
    /// It cannot.
    Bad,
    /// A block with a frame of its own.
    Frame,
    /// Nothing of all that.
    None,
}

/// One device.
#[derive(Clone, Debug)]
pub struct Tile {
    pub name: String,
    pub lines: Vec<String>,
    pub tone: Tone,
    /// Drawn with a broken line.
    pub faint: bool,
}

/// Something with a title around other things.
#[derive(Clone, Debug)]
pub struct Block {
    pub title: String,
    pub note: Option<String>,
    pub content: Vec<Item>,
    pub tone: Tone,
}

/// What a block holds.
#[derive(Clone, Debug)]
pub enum Item {
    Tile(Tile),
    Block(Block),
}

/// A part of the page.
pub struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// Letters of names and titles.
pub const LARGE: f64 = 13.0;
/// Letters of everything else.
pub const SMALL: f64 = 11.0;
/// How wide a letter is, of its height.
const ASPECT: f64 = 0.605;
/// Between things.
pub const GAP: f64 = 10.0;
/// Around the content of a frame.
pub const PAD: f64 = 10.0;
/// A line of large letters.
pub const LARGE_LINE: f64 = 18.0;
/// A line of small letters.
pub const SMALL_LINE: f64 = 15.0;
/// Text is cut where it is longer.
const LONGEST: usize = 46;

/// Something with its size and what stands in it.
pub struct Placed<'a> {
    pub what: What<'a>,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub inside: Vec<Placed<'a>>,
}

/// What it is.
pub enum What<'a> {
    Tile(&'a Tile),
    Block(&'a Block),
}

/// As much of a text as a tile bears.
pub fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST - 1).collect();
    format!("{}…", kept.trim_end())
}

fn width(text: &str, size: f64) -> f64 {
    cut(text).chars().count() as f64 * size * ASPECT
}

fn tile(tile: &Tile) -> Placed<'_> {
    let texts = tile.lines.iter().map(|line| width(line, SMALL));
    let widest = texts.fold(width(&tile.name, LARGE), f64::max);
    let height = PAD * 1.2 + LARGE_LINE + tile.lines.len() as f64 * SMALL_LINE;
    Placed { what: What::Tile(tile), x: 0.0, y: 0.0, width: widest + 2.0 * PAD, height, inside: Vec::new() }
}

/// A block no wider than `most`, where its widest tile allows.
pub fn block(block: &Block, most: f64) -> Placed<'_> {
    let head = LARGE_LINE + if block.note.is_some() { SMALL_LINE } else { 0.0 };
    let note = block.note.as_deref().map_or(0.0, |note| width(note, SMALL));
    let items: Vec<Placed<'_>> = block
        .content
        .iter()
        .map(|item| match item {
            Item::Tile(one) => tile(one),
            Item::Block(one) => self::block(one, most - 2.0 * PAD),
        })
        .collect();
    let (inside, (wide, high)) = flow(items, (most - 2.0 * PAD).min(squarish(block)));
    let inside: Vec<Placed<'_>> = inside
        .into_iter()
        .map(|placed| Placed { x: placed.x + PAD, y: placed.y + head + PAD, ..placed })
        .collect();
    let wide = wide.max(width(&block.title, LARGE)).max(note);
    let high = if inside.is_empty() { head + PAD } else { head + high + 2.0 * PAD };
    Placed { what: What::Block(block), x: 0.0, y: 0.0, width: wide + 2.0 * PAD, height: high, inside }
}

/// Blocks of a few tiles stand in one column or two, not in one long row.
fn squarish(block: &Block) -> f64 {
    let tiles = block.content.iter().filter(|item| matches!(item, Item::Tile(_))).count();
    if tiles < block.content.len() {
        f64::INFINITY
    } else if tiles <= 3 {
        0.0
    } else {
        640.0
    }
}

/// Things one beside another, in rows no wider than `most`; and how wide and high that is.
pub fn flow(items: Vec<Placed<'_>>, most: f64) -> (Vec<Placed<'_>>, (f64, f64)) {
    let (mut x, mut y, mut row, mut widest) = (0.0, 0.0, 0.0_f64, 0.0_f64);
    let mut placed = Vec::with_capacity(items.len());
    for mut item in items {
        if x > 0.0 && x + item.width > most {
            (x, y, row) = (0.0, y + row + GAP, 0.0);
        }
        (item.x, item.y) = (x, y);
        row = row.max(item.height);
        widest = widest.max(x + item.width);
        x += item.width + GAP;
        placed.push(item);
    }
    (placed, (widest, y + row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(count: usize) -> Vec<Item> {
        let tile = Tile { name: "0123456789".into(), lines: Vec::new(), tone: Tone::Good, faint: false };
        vec![Item::Tile(tile); count]
    }

    #[test]
    fn nothing_overlaps_and_nothing_leaves_its_block() {
        let outer = Block { title: "x".into(), note: None, content: tiles(30), tone: Tone::Frame };
        let placed = block(&outer, 500.0);
        assert!(placed.width <= 500.0);
        for (at, one) in placed.inside.iter().enumerate() {
            assert!(one.x + one.width <= placed.width && one.y + one.height <= placed.height);
            for other in &placed.inside[at + 1..] {
                let beside = one.x + one.width <= other.x || other.x + other.width <= one.x;
                let below = one.y + one.height <= other.y || other.y + other.height <= one.y;
                assert!(beside || below);
            }
        }
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"x".repeat(99)).chars().count(), LONGEST);
    }
}
