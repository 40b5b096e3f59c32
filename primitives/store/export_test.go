package store

// Len returns how many records m keeps, also such as have expired.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// Watches returns how many streams there are.
func (m *Memory) Watches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.watches)
}
