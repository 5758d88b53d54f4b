//! How the page looks: placed things as elements of SVG. Colours say what can go; shapes and words say it too, for who sees no colours.

use svg::Document;
use svg::node::element::{Group, Rectangle, Text};

use super::layout::{
    Block, GAP, LARGE, LARGE_LINE, PAD, Placed, SMALL, SMALL_LINE, Section, Tile, Tone, What, block, cut,
    flow,
};

/// The page's width; its height is what it needs.
const WIDTH: f64 = 1500.0;
/// Around everything.
const MARGIN: f64 = 28.0;
const FONT: &str = "DejaVu Sans Mono, Liberation Mono, Menlo, Consolas, monospace";
const INK: &str = "#1c2530";
const GREY: &str = "#5c6773";

/// The picture of a board.
pub fn page((title, below): &(String, String), sections: &[Section]) -> String {
    let mut root = Group::new();
    let mut y = MARGIN + 22.0;
    root = root.add(text(title, MARGIN, y, 24.0, INK).set("font-weight", "bold"));
    y += 26.0;
    root = root.add(text(below, MARGIN, y, LARGE, GREY));
    y += 14.0;
    root = legend(root, y);
    y += 34.0;
    for section in sections {
        y += 20.0;
        root = root.add(text(&section.title, MARGIN, y, 16.0, INK).set("font-weight", "bold"));
        y += 12.0;
        let room = WIDTH - 2.0 * MARGIN;
        let blocks = section.blocks.iter().map(|one| block(one, room)).collect();
        let (placed, (_, height)) = flow(blocks, room);
        for one in &placed {
            root = put(root, one, MARGIN, y);
        }
        y += height + GAP;
    }
    let height = y + MARGIN;
    let background = Rectangle::new().set("width", WIDTH).set("height", height).set("fill", "#ffffff");
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .set("font-family", FONT)
        .add(background)
        .add(root);
    format!("{document}\n")
}

fn legend(mut root: Group, y: f64) -> Group {
    let words = [
        (Tone::Good, "can be handed out"),
        (Tone::Fair, "could, if something is given up"),
        (Tone::Bad, "cannot"),
    ];
    let mut x = MARGIN;
    for (tone, word) in words {
        let (fill, stroke) = colours(tone);
        root = root.add(frame(x, y + 4.0, 16.0, 16.0, fill, stroke, 3.0)).add(text(
            word,
            x + 24.0,
            y + 16.0,
            SMALL,
            GREY,
        ));
        x += 24.0 + word.len() as f64 * SMALL * 0.62 + 28.0;
    }
    root
}

/// What is placed, at where its surroundings are.
fn put(root: Group, placed: &Placed<'_>, x: f64, y: f64) -> Group {
    let (x, y) = (x + placed.x, y + placed.y);
    let root = match placed.what {
        What::Tile(tile) => put_tile(root, tile, placed, x, y),
        What::Block(block) => put_block(root, block, placed, x, y),
    };
    placed.inside.iter().fold(root, |root, inside| put(root, inside, x, y))
}

fn put_tile(root: Group, tile: &Tile, placed: &Placed<'_>, x: f64, y: f64) -> Group {
    let (fill, stroke) = colours(tile.tone);
    let mut rectangle = frame(x, y, placed.width, placed.height, fill, stroke, 5.0);
    if tile.faint {
        rectangle = rectangle.set("stroke-dasharray", "4 3");
    }
    let ink = if tile.faint { GREY } else { INK };
    let mut root = root.add(rectangle).add(text(&tile.name, x + PAD, y + PAD * 0.6 + LARGE, LARGE, ink));
    let mut line_y = y + PAD * 0.6 + LARGE_LINE + SMALL;
    for line in &tile.lines {
        root = root.add(text(line, x + PAD, line_y, SMALL, GREY));
        line_y += SMALL_LINE;
    }
    root
}

fn put_block(root: Group, block: &Block, placed: &Placed<'_>, x: f64, y: f64) -> Group {
    let (fill, stroke) = colours(block.tone);
    let mut root = root
        .add(frame(x, y, placed.width, placed.height, fill, stroke, 8.0))
        .add(text(&block.title, x + PAD, y + PAD * 0.5 + LARGE, LARGE, INK).set("font-weight", "bold"));
    if let Some(note) = &block.note {
        root = root.add(text(note, x + PAD, y + PAD * 0.5 + LARGE_LINE + SMALL, SMALL, GREY));
    }
    root
}

/// Inside and edge.
fn colours(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Good => ("#d8f0dc", "#2e8b45"),
        Tone::Fair => ("#fdf0cc", "#c08a10"),
        Tone::Bad => ("#fae0de", "#c0453b"),
        Tone::Frame => ("#f3f6f9", "#8a97a5"),
        Tone::None => ("#ffffff", "#c3ccd5"),
    }
}

fn frame(x: f64, y: f64, width: f64, height: f64, fill: &str, stroke: &str, round: f64) -> Rectangle {
    Rectangle::new()
        .set("x", x)
        .set("y", y)
        .set("width", width)
        .set("height", height)
        .set("rx", round)
        .set("fill", fill)
        .set("stroke", stroke)
}

fn text(words: &str, x: f64, y: f64, size: f64, ink: &str) -> Text {
    Text::new(cut_long(words, size)).set("x", x).set("y", y).set("font-size", size).set("fill", ink)
}

/// Titles of the page have more room than those of tiles.
fn cut_long(words: &str, size: f64) -> String {
    let titles = size > LARGE || words.contains("devices:");
    // Control characters are not allowed in XML; a model's name may have any byte.
    let words: String = words.chars().filter(|c| !c.is_control()).collect();
    if titles { words } else { cut(&words) }
}
