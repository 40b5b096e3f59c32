package kernel

// InletRef is what an inlet of package stages embeds. The packages of this module get the
// inlet of the kernel from it by [Of]. Its method is unexported, so nothing shows outside.
type InletRef struct{ in *Inlet }

func (r *InletRef) inlet() *InletRef { return r }

// OutletRef is what an outlet of package stages embeds.
type OutletRef struct{ out *Outlet }

func (r *OutletRef) outlet() *OutletRef { return r }

// Of returns the kernel's side of an inlet.
func Of(h interface{ inlet() *InletRef }) *Inlet { return h.inlet().in }

// OutletOf returns the kernel's side of an outlet.
func OutletOf(h interface{ outlet() *OutletRef }) *Outlet { return h.outlet().out }

// Bind gives an inlet its side of the kernel.
func Bind(h interface{ inlet() *InletRef }, in *Inlet) { h.inlet().in = in }

// BindOutlet gives an outlet its side of the kernel.
func BindOutlet(h interface{ outlet() *OutletRef }, out *Outlet) { h.outlet().out = out }
