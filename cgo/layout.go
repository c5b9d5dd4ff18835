package main

/*
#include "imc_engine.h"
*/
import "C"

import "kamailio-imc/module"

// The numbers that package module uses are those of the header: a difference
// is an array of another length than 0, which does not compile.
var _ = [...][0]struct{}{
	[C.IMC_RECORD_MAX - module.RecordMax]struct{}{},
	[C.IMC_REPLY_MIN - module.ReplyMin]struct{}{},

	[C.IMC_ENGINE_OK - module.StatusOK]struct{}{},
	[C.IMC_ENGINE_EINVAL - module.StatusInvalid]struct{}{},
	[C.IMC_ENGINE_ESTART - module.StatusStart]struct{}{},
	[C.IMC_ENGINE_EPANIC - module.StatusPanic]struct{}{},
	[C.IMC_ENGINE_ETIMEOUT - module.StatusTimeout]struct{}{},

	[C.IMC_ROLE_WORKER - module.RoleWorker]struct{}{},
	[C.IMC_ROLE_HOST - module.RoleHost]struct{}{},

	[C.IMC_C_ROOMS - module.CounterRooms]struct{}{},
	[C.IMC_C_MEMBERS - module.CounterMembers]struct{}{},
	[C.IMC_C_TEXTS - module.CounterTexts]struct{}{},
	[C.IMC_C_COMMANDS - module.CounterCommands]struct{}{},
	[C.IMC_C_REFUSED - module.CounterRefused]struct{}{},
	[C.IMC_C_SENT - module.CounterSent]struct{}{},
	[C.IMC_C_QUEUED - module.CounterQueued]struct{}{},
	[C.IMC_C_RETRIED - module.CounterRetried]struct{}{},
	[C.IMC_C_DROPPED - module.CounterDropped]struct{}{},
	[C.IMC_C_SEND_FAILED - module.CounterSendFailed]struct{}{},
	[C.IMC_C_UNDELIVERED - module.CounterUndelivered]struct{}{},
	[C.IMC_C_COMPLETED - module.CounterCompleted]struct{}{},
	[C.IMC_C_TYPING - module.CounterTyping]struct{}{},
	[C.IMC_C_RECEIPTS - module.CounterReceipts]struct{}{},
	[C.IMC_C_LOOPED - module.CounterLooped]struct{}{},
	[C.IMC_C_HELD - module.CounterHeld]struct{}{},
	[C.IMC_COUNTERS - module.CounterRow]struct{}{},

	[C.IMC_REC_MESSAGE - module.RecordMessage]struct{}{},
	[C.IMC_REC_LOG - module.RecordLog]struct{}{},
	[C.IMC_REC_ROOM - module.RecordRoom]struct{}{},
	[C.IMC_REC_MEMBER - module.RecordMember]struct{}{},
	[C.IMC_REC_READY - module.RecordReady]struct{}{},
	[C.IMC_MSG_INVITATION - module.FlagInvitation]struct{}{},
	[C.IMC_MSG_TYPING - module.FlagTyping]struct{}{},

	[C.IMC_LOG_ERR - module.LogError]struct{}{},
	[C.IMC_LOG_WARN - module.LogWarning]struct{}{},
	[C.IMC_LOG_NOTICE - module.LogNotice]struct{}{},
	[C.IMC_LOG_INFO - module.LogInfo]struct{}{},
	[C.IMC_LOG_DBG - module.LogDebug]struct{}{},

	[C.IMC_Q_ROOM_ACTIVE - module.QueryRoomActive]struct{}{},
	[C.IMC_Q_ROOM_MEMBER - module.QueryRoomMember]struct{}{},
	[C.IMC_Q_LIST_ROOMS - module.QueryListRooms]struct{}{},
	[C.IMC_Q_LIST_MEMBERS - module.QueryListMembers]struct{}{},

	[C.IMC_EV_UNSENT - module.EventUnsent]struct{}{},
	[C.IMC_EV_SENT - module.EventSent]struct{}{},
	[C.IMC_EV_INVITATION_FAILED - module.EventInvitationFailed]struct{}{},
}
