module sessile.dev/go

go 1.19
