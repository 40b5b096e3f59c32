package endpoint

import (
	"strings"
)

// Environment returns the service that the user's environment names, and its key. If
// it names no service, Environment returns no key: a key that is left in the
// environment must not reach another service, and a run without configuration must not
// cost money.
func Environment(getenv func(string) string) (baseURL, key string) {
	baseURL = strings.TrimSpace(getenv("OPENAI_BASE_URL"))
	if baseURL != "" {
		key = getenv("OPENAI_API_KEY")
	}
	return baseURL, key
}
