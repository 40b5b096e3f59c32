package lineage

import "context"

// kin has the contexts of the items that one item was made of.
type kin struct{ all []context.Context }

// mostLinks is the largest number of contexts that an item keeps of the items it was made of.
const mostLinks = 128

// Kinship returns the contexts of the items that the item was made of, nil for none.
func (l *Limit) Kinship() []context.Context {
	if l.kin == nil {
		return nil
	}
	return l.kin.all
}

// Linked reports whether the item has a context, or was made of items with contexts.
func (l *Limit) Linked() bool { return l.Ctx != nil || l.kin != nil }

// Links appends the contexts of an item, up to mostLinks in total.
func (l *Limit) Links(to []context.Context) []context.Context {
	if l.Ctx != nil && len(to) < mostLinks {
		to = append(to, l.Ctx)
	}
	if l.kin != nil {
		to = append(to, l.kin.all[:min(len(l.kin.all), mostLinks-len(to))]...)
	}
	return to
}

// related returns the contexts of two items that become one, with extras a and b. The result
// belongs to a.
func related(a, b *extras) *kin {
	k := a.kin
	if k == nil {
		if a.ctx == nil && b.ctx == nil && b.kin == nil {
			return nil
		}
		k = &kin{}
		if a.ctx != nil {
			k.all = append(k.all, a.ctx)
		}
	}
	l := Limit{Ctx: b.ctx, kin: b.kin}
	k.all = l.Links(k.all)
	return k
}
