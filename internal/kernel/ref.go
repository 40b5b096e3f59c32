package kernel

// InletRef is embedded in the inlet of package stages. The packages of this module get the kernel's
// inlet from it by [Of]. Its method is unexported, so it is not visible to users.
type InletRef struct{ in *Inlet }

func (r *InletRef) inlet() *InletRef { return r }

// OutletRef is embedded in the outlet of package stages.
type OutletRef struct{ out *Outlet }

func (r *OutletRef) outlet() *OutletRef { return r }

// Of returns the kernel's side of an inlet.
func Of(h interface{ inlet() *InletRef }) *Inlet { return h.inlet().in }

// OutletOf returns the kernel's side of an outlet.
func OutletOf(h interface{ outlet() *OutletRef }) *Outlet { return h.outlet().out }

// Bind connects an inlet of package stages to the kernel's.
func Bind(h interface{ inlet() *InletRef }, in *Inlet) { h.inlet().in = in }

// BindOutlet connects an outlet of package stages to the kernel's.
func BindOutlet(h interface{ outlet() *OutletRef }, out *Outlet) { h.outlet().out = out }
