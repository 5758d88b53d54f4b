//! Text in columns that line up, with colours where they are wanted.

use anstyle::Style;

/// One cell: its text and how it looks.
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Cell { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell { text: text.into(), style: Style::new() }
    }
}

/// Rows of cells; the last column is as wide as it has to be.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with a heading.
    pub fn new<const N: usize>(heading: [&str; N]) -> Self {
        let bold = Style::new().bold();
        Table { rows: vec![heading.into_iter().map(|text| Cell::styled(text, bold)).collect()] }
    }

    /// Add a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is nothing but the heading.
    pub fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The text, a line for each row.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let Cell { text, style } = cell;
                if !text.is_empty() {
                    line.push_str(&format!("{style}{text}{style:#}"));
                }
                let fill = widths[column] - text.chars().count();
                if row[column + 1..].iter().any(|cell| !cell.text.is_empty()) {
                    line.push_str(&" ".repeat(fill + 2));
                }
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_does() {
        let mut table = Table::new(["A", "B", "C"]);
        table.row(["long".into(), "x".into(), "".into()]);
        table.row(["y".into(), "".into(), "z".into()]);
        let text = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(text, "A     B  C\nlong  x\ny        z\n");
    }
}
