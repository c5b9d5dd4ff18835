package main

/*
#include "imc_engine.h"
*/
import "C"

import (
	"kamailio-imc/engine/log"
	"kamailio-imc/module"
	"kamailio-imc/module/wire"
)

// The numbers that the packages of module and engine use are those of the header: a difference
// is an array of another length than 0, which does not compile.
var _ = [...][0]struct{}{
	[C.IMC_ENGINE_ABI - wire.Version]struct{}{},
	[C.IMC_RECORD_MAX - wire.RecordMax]struct{}{},
	[C.IMC_REPLY_MIN - wire.ReplyMin]struct{}{},

	[C.IMC_ENGINE_OK - wire.StatusOK]struct{}{},
	[C.IMC_ENGINE_EINVAL - wire.StatusInvalid]struct{}{},
	[C.IMC_ENGINE_ESTART - wire.StatusStart]struct{}{},
	[C.IMC_ENGINE_EPANIC - wire.StatusPanic]struct{}{},
	[C.IMC_ENGINE_ETIMEOUT - wire.StatusTimeout]struct{}{},

	[C.IMC_ROLE_WORKER - module.RoleWorker]struct{}{},
	[C.IMC_ROLE_HOST - module.RoleHost]struct{}{},

	[C.IMC_C_ROOMS - wire.CounterRooms]struct{}{},
	[C.IMC_C_MEMBERS - wire.CounterMembers]struct{}{},
	[C.IMC_C_TEXTS - wire.CounterTexts]struct{}{},
	[C.IMC_C_COMMANDS - wire.CounterCommands]struct{}{},
	[C.IMC_C_REFUSED - wire.CounterRefused]struct{}{},
	[C.IMC_C_SENT - wire.CounterSent]struct{}{},
	[C.IMC_C_QUEUED - wire.CounterQueued]struct{}{},
	[C.IMC_C_RETRIED - wire.CounterRetried]struct{}{},
	[C.IMC_C_DROPPED - wire.CounterDropped]struct{}{},
	[C.IMC_C_SEND_FAILED - wire.CounterSendFailed]struct{}{},
	[C.IMC_C_UNDELIVERED - wire.CounterUndelivered]struct{}{},
	[C.IMC_C_COMPLETED - wire.CounterCompleted]struct{}{},
	[C.IMC_C_TYPING - wire.CounterTyping]struct{}{},
	[C.IMC_C_RECEIPTS - wire.CounterReceipts]struct{}{},
	[C.IMC_C_LOOPED - wire.CounterLooped]struct{}{},
	[C.IMC_C_HELD - wire.CounterHeld]struct{}{},
	[C.IMC_COUNTERS - wire.CounterRow]struct{}{},

	[C.IMC_REC_MESSAGE - wire.RecordMessage]struct{}{},
	[C.IMC_REC_LOG - wire.RecordLog]struct{}{},
	[C.IMC_REC_ROOM - wire.RecordRoom]struct{}{},
	[C.IMC_REC_MEMBER - wire.RecordMember]struct{}{},
	[C.IMC_REC_READY - wire.RecordReady]struct{}{},
	[C.IMC_MSG_INVITATION - wire.FlagInvitation]struct{}{},
	[C.IMC_MSG_TYPING - wire.FlagTyping]struct{}{},

	[C.IMC_LOG_ERR - log.Error]struct{}{},
	[C.IMC_LOG_WARN - log.Warning]struct{}{},
	[C.IMC_LOG_NOTICE - log.Notice]struct{}{},
	[C.IMC_LOG_INFO - log.Info]struct{}{},
	[C.IMC_LOG_DBG - log.Debug]struct{}{},

	[C.IMC_Q_ROOM_ACTIVE - wire.QueryRoomActive]struct{}{},
	[C.IMC_Q_ROOM_MEMBER - wire.QueryRoomMember]struct{}{},
	[C.IMC_Q_LIST_ROOMS - wire.QueryListRooms]struct{}{},
	[C.IMC_Q_LIST_MEMBERS - wire.QueryListMembers]struct{}{},

	[C.IMC_EV_UNSENT - wire.EventUnsent]struct{}{},
	[C.IMC_EV_SENT - wire.EventSent]struct{}{},
	[C.IMC_EV_INVITATION_FAILED - wire.EventInvitationFailed]struct{}{},
}
