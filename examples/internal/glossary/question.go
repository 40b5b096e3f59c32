package glossary

import (
	"strings"
	"unicode/utf8"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/godoc"
)

// most bounds the documentation in a question, in bytes. The purpose of a package
// stands at the beginning. The longest package comments have 30 kB, which costs money
// at a real service and adds nothing to one sentence.
const most = 4000

// system keeps the model from a "Sure! Here is", because the program stores the answer
// unchanged.
const system = "You write a glossary of Go packages. Answer with one plain English sentence " +
	"that says what the package is for, and nothing else."

// Question asks the model for one sentence on the package. Equal packages give equal
// questions. The documentation follows the first empty line of the prompt; for a
// package without documentation, a sentence there says so.
func Question(model string, p godoc.Package) chat.Request {
	text := cut(p.Doc)
	if !p.Documented() {
		text = "Package " + p.Name + " has no documentation."
	}
	return chat.Request{
		Model:  model,
		System: system,
		Prompt: "Say in one sentence what the Go package " + p.ImportPath + " is for. Its documentation:\n\n" + text,
	}
}

// cut shortens the text to its last whole line within the bound, or to its last whole
// character if there is no such line.
func cut(text string) string {
	if len(text) <= most {
		return text
	}
	end := most
	for !utf8.RuneStart(text[end]) {
		end--
	}
	if line := strings.LastIndexByte(text[:end], '\n'); line > 0 {
		end = line + 1
	}
	return text[:end]
}
