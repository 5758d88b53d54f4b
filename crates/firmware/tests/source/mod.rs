//! Device tree source to blobs, as much of it as the tests need: they must not depend on dtc being there.
//!
//! Nodes, labels, cells with numbers and references, texts, bytes, references as paths, comments. No expressions, no includes.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;

use uvfio_firmware::dt::{Draft, DraftNode};
use uvfio_firmware::{Board, Diagnostic, Tree};

/// The blob of a source.
pub fn blob(source: &str) -> Vec<u8> {
    let tokens = tokens(source);
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        draft: Draft::default(),
        labels: HashMap::new(),
        references: Vec::new(),
    };
    parser.expect("/");
    parser.node(Draft::ROOT);
    parser.resolve();
    parser.draft.flatten().expect("a small tree")
}

/// The tree of a source.
pub fn tree(source: &str) -> Tree {
    Tree::parse(&blob(source)).expect("a tree").0
}

/// The board of a source.
pub fn board(source: &str) -> (Board, Vec<Diagnostic>) {
    Board::from_dtb(&blob(source)).expect("a tree")
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").expect("the comment ends") + 2
        } else if first == '"' {
            let end = rest[1..].find('"').expect("the text ends") + 1;
            tokens.push(Token::Text(rest[1..end].replace("\\0", "\0")));
            end + 1
        } else if "{};=<>[],&:/".contains(first) {
            tokens.push(Token::Sign(first));
            1
        } else {
            let end =
                rest.find(|c: char| c.is_whitespace() || "{};=<>[]&:\"".contains(c)).unwrap_or(rest.len());
            // A comma may be part of a name, but one at the end separates.
            let word = rest[..end].trim_end_matches(',');
            tokens.push(Token::Word(word.to_owned()));
            word.len()
        };
        rest = rest[end..].trim_start();
    }
    tokens
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    draft: Draft,
    labels: HashMap<String, DraftNode>,
    /// Where a phandle is still missing: node, property, offset, label.
    references: Vec<(DraftNode, String, usize, String)>,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).expect("the source goes on")
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Sign(sign.chars().next().expect("a sign")));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) {
        assert!(self.accept(sign), "wanted {sign}, have {:?}", &self.tokens[self.at..]);
    }

    fn word(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            other => panic!("wanted a word, have {other:?}"),
        }
    }

    /// What stands between the braces of a node, and the braces.
    fn node(&mut self, node: DraftNode) {
        self.expect("{");
        while !self.accept("}") {
            let mut name = self.word();
            let mut label = None;
            if self.accept(":") {
                label = Some(std::mem::replace(&mut name, self.word()));
            }
            if self.peek() == &Token::Sign('{') {
                let child = self.draft.add(node, name.as_bytes());
                if let Some(label) = label {
                    self.labels.insert(label, child);
                }
                self.node(child);
            } else {
                let value = if self.accept("=") { self.value(node, &name) } else { Vec::new() };
                self.draft.set(node, name.as_bytes(), &value);
                self.expect(";");
            }
        }
        self.expect(";");
    }

    fn value(&mut self, node: DraftNode, property: &str) -> Vec<u8> {
        let mut value = Vec::new();
        loop {
            match self.next() {
                Token::Text(text) => value.extend(text.bytes().chain([0])),
                Token::Sign('<') => {
                    while !self.accept(">") {
                        if self.accept("&") {
                            let label = self.word();
                            self.references.push((node, property.to_owned(), value.len(), label));
                            value.extend([0; 4]);
                        } else {
                            value.extend(number(&self.word()).to_be_bytes());
                        }
                    }
                }
                Token::Sign('[') => {
                    while !self.accept("]") {
                        value.push(u8::from_str_radix(&self.word(), 16).expect("a byte"));
                    }
                }
                other => panic!("wanted a value of {property}, have {other:?}"),
            }
            if !self.accept(",") {
                return value;
            }
        }
    }

    /// Give every label that is referred to a phandle, and write them in.
    fn resolve(&mut self) {
        let mut phandles: HashMap<String, u32> = HashMap::new();
        for (node, property, offset, label) in std::mem::take(&mut self.references) {
            let next = u32::try_from(phandles.len()).expect("few") + 1;
            let phandle = *phandles.entry(label.clone()).or_insert(next);
            let target = *self.labels.get(&label).unwrap_or_else(|| panic!("no label {label}"));
            self.draft.set(target, b"phandle", &phandle.to_be_bytes());
            let value = self.draft.property_mut(node, property.as_bytes()).expect("it was set");
            value[offset..offset + 4].copy_from_slice(&phandle.to_be_bytes());
        }
    }
}

fn number(word: &str) -> u32 {
    let number = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    number.unwrap_or_else(|_| panic!("wanted a number, have {word}"))
}
