package sqlstore

const writerEnv = "IMC_SQLSTORE_WRITER"

func writeUntilKilled(string) int { return 0 }
