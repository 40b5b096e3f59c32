package endpoint

import "strings"

// Environment returns which service the user's environment names, and the key for
// it. Where it names none, there is no key either: one that is left in the
// environment must not reach a service that nobody chose, nor a run without
// configuration cost money.
func Environment(getenv func(string) string) (baseURL, key string) {
	baseURL = strings.TrimSpace(getenv("OPENAI_BASE_URL"))
	if baseURL != "" {
		key = getenv("OPENAI_API_KEY")
	}
	return baseURL, key
}
