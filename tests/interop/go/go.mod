module sessile/interop

go 1.19
