//! What `btfly run --event` prints, read back: named columns under a header.

/// Where each column of a table begins, by its name.
pub struct Table {
    columns: Vec<(String, usize)>,
}

impl Table {
    pub fn new(header: &str) -> Table {
        let mut columns = Vec::new();
        let mut before = ' ';
        for (at, c) in header.char_indices() {
            match columns.last_mut() {
                _ if c == ' ' => {}
                Some((name, _)) if before != ' ' => String::push(name, c),
                _ => columns.push((c.to_string(), at)),
            }
            before = c;
        }
        Table { columns }
    }

    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The text of a column in a row.
    #[track_caller]
    pub fn text<'r>(&self, row: &'r str, column: &str) -> &'r str {
        let index = self.columns.iter().position(|(name, _)| name == column);
        let index = index.unwrap_or_else(|| panic!("no column {column} in {:?}", self.names()));
        let start = self.columns[index].1.min(row.len());
        let end = self
            .columns
            .get(index + 1)
            .map_or(row.len(), |c| c.1.min(row.len()));
        row[start..end].trim_end()
    }

    /// The number in a column of a row.
    #[track_caller]
    pub fn number(&self, row: &str, column: &str) -> i64 {
        let text = self.text(row, column);
        text.parse()
            .unwrap_or_else(|_| panic!("{column} is {text:?} in {row:?}"))
    }
}

#[test]
fn columns_are_found_by_the_header() {
    let table = Table::new("PID     MESSAGE      X");
    assert_eq!(table.names(), ["PID", "MESSAGE", "X"]);
    let row = "12      hey root     -3";
    assert_eq!(table.text(row, "MESSAGE"), "hey root");
    assert_eq!(table.number(row, "PID"), 12);
    assert_eq!(table.number(row, "X"), -3);
    assert_eq!(table.text("12", "X"), "");
}
