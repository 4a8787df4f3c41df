module elasticruntime.dev/controlplane/helper

go 1.25.0
