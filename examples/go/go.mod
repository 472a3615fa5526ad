module sessile.dev/go/examples

go 1.21

require sessile.dev/go v0.0.0

replace sessile.dev/go => ../../bindings/go
