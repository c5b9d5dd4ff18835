module kamailio-imc

go 1.26.0
