package sip

import (
	"bytes"

	"golang.org/x/net/html"
)

// htmlBegins reports whether the first byte of the text of an HTML document,
// blanks aside, is start.
func htmlBegins(body []byte, start byte) bool {
	found := false
	htmlWalk(body, func(text []byte) bool {
		text = bytes.TrimLeft(text, " \t\r\n\f")
		if len(text) == 0 {
			return true
		}
		found = text[0] == start
		return false
	})
	return found
}

// htmlText returns the first line of the text of an HTML document, with
// entities decoded. Line ends in the source are blanks; elements that begin a
// new line end it.
func htmlText(body []byte) []byte {
	var line []byte
	htmlWalk(body, func(text []byte) bool {
		if text == nil {
			return len(line) == 0
		}
		for _, c := range bytes.ReplaceAll(text, noBreakSpace, []byte{' '}) {
			if c == '\r' || c == '\n' || c == '\f' {
				c = ' '
			}
			if len(line) > 0 || c != ' ' && c != '\t' {
				line = append(line, c)
			}
		}
		return true
	})
	return line
}

var noBreakSpace = []byte("\u00a0")

// htmlWalk calls text with each piece of text that a reader would see, and
// with nil where a new line begins, until it returns false.
func htmlWalk(body []byte, text func([]byte) bool) {
	z := html.NewTokenizer(bytes.NewReader(body))
	z.SetMaxBuf(0)
	hidden := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if !hidden && !text(z.Text()) {
				return
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			hidden = isHiddenElement(string(name))
			if beginsLine(string(name)) && !text(nil) {
				return
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			hidden = false
			if beginsLine(string(name)) && !text(nil) {
				return
			}
		}
	}
}

func isHiddenElement(name string) bool {
	switch name {
	case "style", "script", "title", "template", "noscript":
		return true
	}
	return false
}

func beginsLine(name string) bool {
	switch name {
	case "br", "p", "div", "li", "ul", "ol", "tr", "table", "pre", "blockquote", "hr",
		"h1", "h2", "h3", "h4", "h5", "h6", "body":
		return true
	}
	return false
}
