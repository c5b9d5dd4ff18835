# Kamailio with chat rooms. Both stages are Debian 12, so that the module is
# built for the Kamailio that loads it. The configuration lets anybody
# register: replace /etc/kamailio/kamailio.cfg where others can reach it.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
RUN make build-deps && make && make install DESTDIR=/out

FROM debian:bookworm-slim
RUN apt-get update \
	&& apt-get install -y --no-install-recommends kamailio \
	&& rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
COPY tests/kamailio-config/minimal/kamailio.cfg /etc/kamailio/kamailio.cfg
EXPOSE 5060/udp 5060/tcp
ENTRYPOINT ["kamailio", "-DD", "-E", "-m", "256", "-A", "SERVER_IP=eth0"]
